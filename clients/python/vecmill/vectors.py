"""Words with their vectors, in memory."""

from __future__ import annotations

import importlib
import io
from typing import Any, Dict, Iterator, List, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


def read_npy(body: bytes) -> Matrix:
    array: Matrix = np.load(io.BytesIO(body), allow_pickle=False)
    return array


class Vectors:
    """Words and a matrix with a row for each.

    words    list of the words
    matrix   float32, shape (len(words), dim)
    counts   how often each stands in the corpus; None where not asked for
    missing  words that were asked for and are not known
    """

    def __init__(
        self,
        words: Sequence[str],
        matrix: Matrix,
        counts: Optional[Sequence[int]] = None,
        missing: Sequence[str] = (),
    ) -> None:
        self.words, self.matrix, self.missing = list(words), matrix, list(missing)
        self.counts = None if counts is None else list(counts)
        self._places: Optional[Dict[str, int]] = None

    def __repr__(self) -> str:
        return "<Vectors: %d words of %d dimensions>" % self.matrix.shape

    @property
    def key_to_index(self) -> Dict[str, int]:
        """{word: its row}."""
        if self._places is None:
            self._places = {word: place for place, word in enumerate(self.words)}
        return self._places

    def __len__(self) -> int:
        return len(self.words)

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.key_to_index

    def __getitem__(self, word: str) -> Matrix:
        row: Matrix = self.matrix[self.key_to_index[word]]
        return row

    def to_keyedvectors(self) -> Any:
        """gensim's KeyedVectors, with the counts where they are known."""
        try:
            models = importlib.import_module("gensim.models")
        except ImportError:
            raise ImportError("to_keyedvectors needs gensim: pip install gensim") from None
        found = models.KeyedVectors(self.matrix.shape[1], count=0)
        if self.words:
            found.add_vectors(self.words, self.matrix)
            if self.counts is not None:
                for word, count in zip(self.words, self.counts):
                    found.set_vecattr(word, "count", count)
        return found

    def to_pandas(self) -> Any:
        """A DataFrame: a row for each word, which is the index."""
        try:
            pandas = importlib.import_module("pandas")
        except ImportError:
            raise ImportError("to_pandas needs pandas: pip install pandas") from None
        index = pandas.Index(self.words, name="word", dtype=object)
        return pandas.DataFrame(self.matrix, index=index)


def as_list(value: Any) -> Any:
    """numpy's arrays and numbers, at any depth, as JSON has them."""
    if isinstance(value, np.ndarray) or isinstance(value, np.generic):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [as_list(item) for item in value]
    if isinstance(value, dict):
        return {name: as_list(item) for name, item in value.items()}
    return value


def stack(parts: List[Matrix], dim: int) -> Matrix:
    if not parts:
        return np.zeros((0, dim), dtype=np.float32)
    whole: Matrix = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return whole
