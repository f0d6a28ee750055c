"""A model on the server, used like gensim's KeyedVectors."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, List, Optional, Sequence, Union

import numpy as np

from .batches import batches
from .download import download
from .errors import Refused, UnknownWord, VecmillError
from .losses import Losses
from .progress import Wanted
from .questions import Key, Questions, is_id, is_text, plain, question_bytes
from .transport import segment
from .vectors import Matrix, Vectors, read_npy, stack

if TYPE_CHECKING:
    from .client import Client


class Model(Questions):
    """A model, as it is served, or one version of it.

        model["king"]              float32 of shape (dim,)
        model[["king", "queen"]]   (2, dim)
        model[:1000]               the most frequent 1000 words
        "king" in model, len(model), for word in model
        model.most_similar("king")

    An unknown word is an UnknownWord, which is a KeyError, with `suggestions`. Nothing is kept in
    memory: each call asks the server. `load()` fetches vectors for work at home.
    """

    def __init__(self, client: "Client", name: str, version: Optional[str] = None) -> None:
        self.client, self.name, self.asked_version = client, name, version

    def __repr__(self) -> str:
        at = "@" + self.asked_version if self.asked_version else ""
        return "<Model %r of %s>" % (self.name + at, self.client.url)

    @property
    def path(self) -> str:
        """Of the model, or its version, on the server, for `client.call`."""
        path = "/v1/models/" + segment(self.name)
        return path + ("/versions/" + segment(self.asked_version) if self.asked_version else "")

    def _ask(self, question: str, document: Dict[str, Any]) -> Any:
        return self.client.post("%s/%s" % (self.path, question), document)

    def _pinned(self) -> "Model":
        """The version that is served now, for questions that take several requests."""
        return self if self.asked_version else Model(self.client, self.name, self.version)

    # ---- what it is ----------------------------------------------------------------------------

    def card(self) -> Dict[str, Any]:
        """Sizes, settings, corpus, training figures, version, files."""
        return dict(self.client.get(self.path))

    @property
    def version(self) -> str:
        """The version that is served, or that this model is pinned to."""
        return str(self.card()["version"])

    @property
    def dim(self) -> int:
        """Length of the vectors; gensim's name is vector_size."""
        return int(self.card()["dim"])

    vector_size = dim

    @property
    def files(self) -> List[str]:
        """Names for `download`."""
        return list(self.card()["files"])

    @property
    def losses(self) -> Losses:
        """Losses with this model's output rows, as TensorFlow computes them."""
        at = "@" + self.asked_version if self.asked_version else ""
        return Losses(self.client, self.name + at)

    def __len__(self) -> int:
        return int(self.card()["words"])

    # ---- words ---------------------------------------------------------------------------------

    def words(
        self, prefix: Optional[str] = None, offset: int = 0, limit: Optional[int] = None
    ) -> List[Dict[str, Any]]:
        """{"word", "id", "count"} of each word that begins with `prefix`, most frequent first."""
        model, page = self._pinned(), self.client.limit("max_batch")
        found: List[Dict[str, Any]] = []
        while limit is None or len(found) < limit:
            wanted = page if limit is None else min(page, limit - len(found))
            query = {"prefix": prefix, "offset": offset + len(found), "limit": wanted}
            rows = self.client.get(model.path + "/words", query)["data"]
            found += rows
            if len(rows) < wanted:
                break
        return found

    @property
    def index_to_key(self) -> List[str]:
        """All words, the most frequent first."""
        return [row["word"] for row in self.words()]

    @property
    def key_to_index(self) -> Dict[str, int]:
        """{word: its id}."""
        return {word: place for place, word in enumerate(self.index_to_key)}

    def __iter__(self) -> Iterator[str]:
        return iter(self.index_to_key)

    def __contains__(self, key: object) -> bool:
        """Does the model know the word, or have the id?"""
        if isinstance(key, (int, np.integer)) and is_id(key):
            return bool(0 <= int(key) < len(self))
        return isinstance(key, str) and not self.missing([key])

    has_index_for = __contains__

    def missing(self, words: Iterable[str]) -> List[str]:
        """Those of the words that the model does not know, each once."""
        asked = list(dict.fromkeys(words))
        known = [word for word in asked if is_text(word)]
        lost = {word for word in asked if not is_text(word)}
        for batch in batches(known, *self._limits()):
            # A sum of all: one row comes back, with the names of the words that are not in it.
            document = {"words": batch, "oov": "skip", "combiner": "sum"}
            lost.update(self._ask("embeddings", document)["missing"])
        return [word for word in asked if word in lost]

    def get_index(self, key: Key, default: Any = None) -> Any:
        """The id of a word."""
        try:
            name = "ids" if is_id(key) else "words"
            return int(self._ask("embeddings", {name: [plain(key)]})["data"][0]["id"])
        except UnknownWord:
            if default is None:
                raise
            return default

    def get_vecattr(self, key: Key, attr: str) -> int:
        """The count of a word in the corpus; `attr` is "count"."""
        if attr != "count":
            raise KeyError("a word has no attribute %r, only 'count'" % attr)
        row = self.client.get(self.path + "/words", {"offset": self.get_index(key), "limit": 1})
        return int(row["data"][0]["count"])

    # ---- vectors -------------------------------------------------------------------------------

    def _rows(self, name: str, keys: Sequence[Key], **members: Any) -> Matrix:
        """Rows in NumPy's format, in as many requests as the limits of the server make of it."""
        parts = list(batches(keys, *self._limits()))
        if not parts:
            return np.zeros((0, self.dim), dtype=np.float32)
        model = self._pinned() if len(parts) > 1 else self
        found = []
        for part in parts:
            document = {name: part, **members}
            try:
                answer = self.client.call(
                    "POST", model.path + "/embeddings", json=document, accept="application/x-npy"
                )
            except Refused as error:
                if name != "ids" or not (error.param or "").startswith("ids"):
                    raise
                raise UnknownWord(error.detail, status=error.status, param=error.param) from None
            found.append(read_npy(answer.body))
        return stack(found, 0)

    def get_vectors(self, keys: Sequence[Key], oov: Optional[str] = None) -> Matrix:
        """The rows of words or ids, shape (len(keys), dim). oov="zero" gives zeros for unknown
        words."""
        asked = [plain(key) for key in keys]
        if not any(is_id(key) for key in asked):
            return self._rows("words", asked, oov=oov)
        if all(is_id(key) for key in asked):
            return self._rows("ids", asked)
        return self._rows("ids", [self.get_index(key) for key in asked])

    def get_vector(self, key: Key, norm: bool = False) -> Matrix:
        """The row of a word or id; with `norm` at length 1."""
        row: Matrix = self.get_vectors([key])[0]
        length = float(np.linalg.norm(row.astype(np.float64)))
        return np.asarray(row / length, dtype=np.float32) if norm and length > 0 else row

    def get_normed_vectors(self) -> Matrix:
        """All rows at length 1."""
        rows = self.vectors
        lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
        return np.asarray(rows / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)

    def get_mean_vector(
        self,
        keys: Sequence[Key],
        weights: Optional[Sequence[float]] = None,
        pre_normalize: bool = True,
        post_normalize: bool = False,
        ignore_missing: bool = True,
    ) -> Matrix:
        """The mean of the rows of words, as gensim computes it."""
        if weights is not None and len(weights) != len(keys):
            raise ValueError("%d weights for %d keys" % (len(weights), len(keys)))
        lost = set(self.missing([key for key in keys if isinstance(key, str)]))
        if lost and not ignore_missing:
            self.get_vectors(list(lost)[:1])  # the server says which, and what is near
        places = [place for place, key in enumerate(keys) if key not in lost]
        if not places:
            raise ValueError("no word of %d is known" % len(keys))
        rows = self.get_vectors([keys[place] for place in places]).astype(np.float64)
        shares = np.ones(len(places)) if weights is None else np.asarray(weights, float)[places]
        if pre_normalize:
            rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300)
        mean = (shares[:, None] * rows).sum(axis=0) / np.abs(shares).sum()
        if post_normalize:
            mean /= max(float(np.linalg.norm(mean)), 1e-300)
        return np.asarray(mean, dtype=np.float32)

    def __getitem__(self, key: Union[Key, slice, Sequence[Key]]) -> Matrix:
        if isinstance(key, slice):
            ids = list(range(len(self))[key])
            return self._rows("ids", ids)
        if isinstance(key, str) or is_id(key):
            return self.get_vector(key)  # type: ignore[arg-type]
        return self.get_vectors(list(key))  # type: ignore[arg-type]

    @property
    def vectors(self) -> Matrix:
        """All rows, fetched now: float32 of shape (len(model), dim)."""
        body = self.client.call("GET", self.path + "/files/vectors.npy", accept="*/*").body
        return read_npy(body)

    def vectors_for_all(self, keys: Iterable[str], allow_inference: bool = True) -> Vectors:
        """The words of `keys` that are known, each once, with their rows; `missing` of the answer
        has the others."""
        model, asked = self._pinned(), list(dict.fromkeys(keys))
        lost = model.missing(asked)
        absent = set(lost)
        known = [word for word in asked if word not in absent]
        rows = model.get_vectors(known) if known else np.zeros((0, self.dim), dtype=np.float32)
        return Vectors(known, rows, missing=lost)

    def load(self, limit: Optional[int] = None) -> Vectors:
        """The most frequent words, or all, with counts and rows, into memory."""
        model = self._pinned()
        words = model.words(limit=limit)
        query = None if limit is None else {"limit": max(1, len(words))}
        answer = self.client.call(
            "GET", model.path + "/files/vectors.npy", query=query, accept="*/*"
        )
        rows = read_npy(answer.body)[: len(words)]
        counts = [int(row.get("count") or 0) for row in words]
        return Vectors([row["word"] for row in words], rows, counts)

    def to_keyedvectors(self, limit: Optional[int] = None) -> Any:
        """gensim's KeyedVectors with all words, or the `limit` most frequent ones."""
        return self.load(limit).to_keyedvectors()

    def to_pandas(self, limit: Optional[int] = None) -> Any:
        """A DataFrame with a row for each word."""
        return self.load(limit).to_pandas()

    # ---- texts ---------------------------------------------------------------------------------

    def embed(
        self,
        texts: Union[str, Sequence[str]],
        dimensions: Optional[int] = None,
        oov: Optional[str] = None,
    ) -> Matrix:
        """A vector of length 1 for each text: shape (len(texts), dim), or (dim,) of one text. A
        text of which no word is known is an error, or zeros with oov="zero"."""
        if isinstance(texts, str):
            row: Matrix = self.embed([texts], dimensions, oov)[0]
            return row
        asked = [str(text) if isinstance(text, str) else text for text in texts]
        for place, text in enumerate(asked):
            if not isinstance(text, str):
                raise TypeError("text %d is %r; embed takes texts" % (place, text))
        count, size = self.client.limit("max_batch"), self.client.limit("max_embeddings_bytes")
        at = "@" + self.asked_version if self.asked_version else ""
        parts: List[Matrix] = []
        for batch in batches(asked, count, size):
            document: Dict[str, Any] = {"model": self.name + at, "input": batch}
            document.update(encoding_format="base64", dimensions=dimensions, oov=oov)
            try:
                data = self.client.post("/v1/embeddings", document)["data"]
            except VecmillError as error:
                if parts:  # the server counts from the first of this request
                    error.detail += " (counted from text %d)" % sum(len(part) for part in parts)
                raise
            rows = [np.frombuffer(base64.b64decode(row["embedding"]), "<f4") for row in data]
            parts.append(np.stack(rows).astype(np.float32))
        return stack(parts, dimensions or (0 if parts else self.dim))

    # ---- questions of a file -------------------------------------------------------------------

    def evaluate(self, questions: Any, set: str, **query: Any) -> Dict[str, Any]:
        """Scores the model on a question file (path, text or open file): `set` is "analogies",
        "similarity" or "next-item" (sessions); options as in docs/api.md."""
        answer = self.client.call(
            "POST",
            self.path + "/evaluate",
            query={"set": set, **query},
            body=question_bytes(questions),
            headers={"Content-Type": "text/plain"},
        )
        return dict(answer.json)

    def candidates(self, num_sampled: int, **members: Any) -> Dict[str, Any]:
        """Draws from the noise sampler of the training, with expected counts."""
        return dict(self._ask("candidates", {"num_sampled": num_sampled, **members}))

    def download(
        self,
        file: str,
        path: Union[None, str, "os.PathLike[str]"] = None,
        progress: Wanted = True,
        **query: Any,
    ) -> str:
        """Writes the model in a format of the field (`files` names them) to `path`, and returns
        that. A download that is cut goes on where it was, and its digest is checked. limit, dtype,
        normalize and subtract_mean as in docs/formats.md."""
        target = os.fspath(path) if path is not None else file
        if os.path.isdir(target):
            target = os.path.join(target, file)
        return download(
            self.client, "%s/files/%s" % (self.path, segment(file)), target, query, progress
        )

    # ---- versions ------------------------------------------------------------------------------

    def _whole(self) -> str:
        return "/v1/models/" + segment(self.name)

    def at(self, version: str) -> "Model":
        """The model in one version, or in the one that a label names."""
        found = Model(self.client, self.name, version)
        found.card()
        return found

    def versions(self) -> List[Dict[str, Any]]:
        """The versions that are kept, with their labels."""
        return list(self.client.get(self._whole() + "/versions")["data"])

    def activate(self, version: str) -> "Model":
        """Serves that version, or the one that the label names, from now on."""
        self.client.call("POST", "%s/versions/%s/activate" % (self._whole(), segment(version)))
        return Model(self.client, self.name)

    def delete_version(self, version: str) -> None:
        """Deletes a version that is not served and has no label."""
        self.client.call("DELETE", "%s/versions/%s" % (self._whole(), segment(version)))

    def labels(self) -> Dict[str, str]:
        """{label: version}."""
        rows = self.client.get(self._whole() + "/labels")["data"]
        return {row["label"]: row["version"] for row in rows}

    def set_label(self, label: str, version: Optional[str] = None) -> None:
        """Lets a label name a version: the one that is served, when not given."""
        document = {"version": version or self.version}
        self.client.call("PUT", "%s/labels/%s" % (self._whole(), segment(label)), json=document)

    def delete_label(self, label: str) -> None:
        """Deletes a label; its version stays."""
        self.client.call("DELETE", "%s/labels/%s" % (self._whole(), segment(label)))

    def delete(self) -> None:
        """Deletes the model with all versions."""
        self.client.call("DELETE", self._whole())
