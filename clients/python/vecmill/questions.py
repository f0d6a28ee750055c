"""What gensim's KeyedVectors answer, with its names and arguments, asked of the server."""

from __future__ import annotations

import math
import warnings
from typing import (
    TYPE_CHECKING,
    Any,
    Dict,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np
from numpy.typing import NDArray

from .batches import batches, entry_bytes
from .errors import UnknownWord
from .source import source_of
from .vectors import Matrix, as_list

if TYPE_CHECKING:
    from .client import Client

Key = Union[str, int]
Found = List[Tuple[str, float]]


class Correlation(NamedTuple):
    """As scipy.stats has it; the probability is two-sided, by Student's t."""

    statistic: float
    pvalue: float


def is_id(key: object) -> bool:
    return isinstance(key, (int, np.integer)) and not isinstance(key, bool)


def plain(key: Any) -> Key:
    """A word or id as JSON has it."""
    if is_id(key):
        return int(key)
    if isinstance(key, str):
        if not is_text(key):
            raise UnknownWord(
                "no word %r: it has a character that no word can have" % key, word=key
            )
        return str(key)
    raise TypeError("a word is a text, or an id a whole number, not %r" % (key,))


def is_text(word: Any) -> bool:
    """Can it stand in a request at all? A NUL and half of a surrogate pair cannot, so no model has
    such a word."""
    if not isinstance(word, str):
        raise TypeError("a word is a text, not %r" % (word,))
    try:
        word.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in word


class Questions:
    """Mixed into Model: everything here asks POST below the model's path."""

    client: "Client"
    name: str

    def _ask(self, question: str, document: Dict[str, Any]) -> Any:
        raise NotImplementedError

    def _limits(self) -> Tuple[int, int]:
        return self.client.limit("max_batch"), self.client.limit("max_json_bytes")

    # ---- nearest -------------------------------------------------------------------------------

    @staticmethod
    def _term(term: Any) -> Any:
        """A word, id or vector, alone or with a weight."""
        weight: Optional[float] = None
        if isinstance(term, (tuple, list)) and len(term) == 2:
            # A list of two numbers is a vector, a tuple that begins with an id is none.
            named = isinstance(term[0], (str, np.ndarray, list))
            if named or (isinstance(term, tuple) and is_id(term[0])):
                term, weight = term[0], float(term[1])
        if isinstance(term, (np.ndarray, list, tuple)):
            vector = np.asarray(term, dtype=np.float32)
            if vector.ndim != 1:
                raise ValueError("a vector has one axis, not the shape %s" % (vector.shape,))
            found: Dict[str, Any] = {"vector": vector.tolist()}
            if weight is not None:
                found["weight"] = weight
            return found
        return plain(term) if weight is None else [plain(term), weight]

    @classmethod
    def _terms(cls, terms: Any) -> List[Any]:
        if terms is None:
            return []
        alone = isinstance(terms, str) or is_id(terms)
        if alone or (isinstance(terms, np.ndarray) and terms.ndim == 1 and terms.dtype.kind == "f"):
            terms = [terms]
        return [cls._term(term) for term in terms]

    def most_similar(
        self,
        positive: Any = None,
        negative: Any = None,
        topn: Optional[int] = 10,
        clip_start: int = 0,
        clip_end: Optional[int] = None,
        restrict_vocab: Optional[int] = None,
        indexer: None = None,
        *,
        min_score: Optional[float] = None,
        prefix: Union[None, str, Sequence[str]] = None,
        among: Optional[Sequence[Key]] = None,
        exclude: Optional[Sequence[Key]] = None,
        offset: Optional[int] = None,
        method: str = "add",
        oov: Optional[str] = None,
    ) -> Found:
        """The words nearest to the sum of `positive` less that of `negative`, with their cosines.

        A term is a word, an id, a vector, or a pair of one of these and a weight. As in gensim,
        words asked with are not answered. restrict_vocab, or clip_end, looks among so many of the
        most frequent words, clip_start leaves out so many of them.
        Beyond gensim: min_score, prefix (one or several), among (only these words), exclude,
        offset (for pages), oov="skip".
        """
        if indexer is not None:
            raise TypeError("an indexer is for vectors in memory: to_keyedvectors() has them")
        if topn is None:
            return self._all_similar(positive, negative)  # type: ignore[return-value]
        if topn < 1:
            return []
        wanted, unwanted = self._terms(positive), self._terms(negative)
        if not wanted:
            # The server wants a positive one; a weight says as much.
            wanted, unwanted = [self._turned(term) for term in unwanted], []
        if not wanted:
            raise ValueError("most_similar needs a word, id or vector in positive or negative")
        looked: Any = None if among is None else [plain(key) for key in among]
        end = clip_end if clip_end is not None else restrict_vocab
        if clip_start:
            last = len(self) if end is None else min(end, len(self))  # type: ignore[arg-type]
            looked = list(range(clip_start, last))
        elif end is not None and looked is None:
            looked = int(end)
        document = {
            "positive": wanted,
            "negative": unwanted,
            "k": int(topn),
            "among": looked,
            "min_score": min_score,
            "prefix": list(prefix) if isinstance(prefix, tuple) else prefix,
            "exclude": None if exclude is None else [plain(key) for key in exclude],
            "offset": offset,
            "method": method,
            "oov": oov,
        }
        answer = self._ask("analogy", document)
        return [(row["word"], float(row["score"])) for row in answer["neighbors"]]

    @staticmethod
    def _turned(term: Any) -> Any:
        if isinstance(term, dict):
            return {"vector": term["vector"], "weight": term.get("weight", -1.0)}
        return term if isinstance(term, list) else [term, -1.0]

    def _all_similar(self, positive: Any, negative: Any) -> NDArray[np.float32]:
        """The cosine with every word, in order of ids, as gensim answers topn=None."""
        total: Any = 0.0
        for terms, sign in ((positive, 1.0), (negative, -1.0)):
            for term in self._terms(terms):
                weight = sign
                if isinstance(term, dict):
                    weight, row = term.get("weight", sign), np.asarray(term["vector"])
                else:
                    key = term
                    if isinstance(term, list):
                        key, weight = term
                    row = self.get_vector(key, norm=True)
                total = total + weight * np.asarray(row, dtype=np.float64)
        return (1.0 - self.distances(np.asarray(total, dtype=np.float32))).astype(np.float32)

    def most_similar_cosmul(
        self,
        positive: Any = None,
        negative: Any = None,
        topn: int = 10,
        restrict_vocab: Optional[int] = None,
    ) -> Found:
        """As most_similar, by 3CosMul; gensim's scores differ by a constant factor at most."""
        return self.most_similar(
            positive, negative, topn, restrict_vocab=restrict_vocab, method="mul"
        )

    def similar_by_word(
        self, word: str, topn: int = 10, restrict_vocab: Optional[int] = None
    ) -> Found:
        """The words nearest to one."""
        return self.most_similar(word, topn=topn, restrict_vocab=restrict_vocab)

    def similar_by_key(
        self, key: Key, topn: int = 10, restrict_vocab: Optional[int] = None
    ) -> Found:
        """The words nearest to a word or id."""
        return self.most_similar(key, topn=topn, restrict_vocab=restrict_vocab)

    def similar_by_vector(
        self, vector: Any, topn: int = 10, restrict_vocab: Optional[int] = None
    ) -> Found:
        """The words nearest to a vector."""
        vector = np.asarray(vector, dtype=np.float32)
        return self.most_similar([vector], topn=topn, restrict_vocab=restrict_vocab)

    def neighbors(self, words: Sequence[Any], topn: int = 10, **options: Any) -> List[Found]:
        """The nearest words of many words, ids or vectors, in as few requests as may be."""
        queries = []
        for entry in words:
            term = self._term(entry)
            if isinstance(term, dict):
                queries.append({"vector": term["vector"]})
            else:
                queries.append({"id" if is_id(term) else "word": term})
        found: List[Found] = []
        for batch in batches(queries, *self._limits()):
            answer = self._ask("neighbors", {"queries": batch, "k": topn, **as_list(options)})
            for result in answer["results"]:
                found.append([(row["word"], float(row["score"])) for row in result["neighbors"]])
        return found

    # ---- pairs ---------------------------------------------------------------------------------

    def similarity(self, w1: Key, w2: Key) -> float:
        """The cosine of two words."""
        return self.similarities([(w1, w2)])[0]

    def similarities(
        self, pairs: Iterable[Tuple[Key, Key]], oov: Optional[str] = None
    ) -> List[float]:
        """The cosines of many pairs; with oov="zero" 0.0 where a word is not known."""
        if oov == "skip":
            raise ValueError('oov is "error" or "zero" here: each pair has its place in the answer')
        found: List[float] = []
        asked = [[plain(a), plain(b)] for a, b in pairs]
        for batch in batches(asked, *self._limits()):
            answer = self._ask("similarity", {"pairs": batch, "oov": oov})
            for row in answer["data"]:
                value = row["similarity"]
                found.append(math.nan if value is None else float(value))
        return found

    def distance(self, w1: Key, w2: Key) -> float:
        """1 - cosine."""
        return 1.0 - self.similarity(w1, w2)

    def distances(
        self, word_or_vector: Any, other_words: Sequence[Key] = ()
    ) -> NDArray[np.float32]:
        """1 - cosine of a word or vector to each of the others; without others, to all words in
        order of their ids."""
        others: List[Key] = [plain(key) for key in other_words]
        if isinstance(word_or_vector, (np.ndarray, list, tuple)):
            vector = np.asarray(word_or_vector, dtype=np.float64)
            rows = self.get_vectors(others) if len(other_words) else self.vectors
            norms = np.linalg.norm(rows.astype(np.float64), axis=1) * np.linalg.norm(vector)
            cosines = rows.astype(np.float64) @ vector / np.where(norms > 0, norms, 1.0)
            return np.asarray(1.0 - cosines, dtype=np.float32)
        if not len(other_words):
            others = list(range(len(self)))  # type: ignore[arg-type]
        found: List[float] = []
        for batch in batches(others, *self._limits()):
            document = {"word": plain(word_or_vector), "other_words": batch}
            found += [float(row["distance"]) for row in self._ask("distances", document)["data"]]
        return np.asarray(found, dtype=np.float32)

    def rank(self, key1: Key, key2: Key) -> int:
        """The place of key2 among the neighbours of key1; 1 is the nearest."""
        return int(self._ask("rank", {"pairs": [[plain(key1), plain(key2)]]})["data"][0]["rank"])

    def closer_than(self, key1: Key, key2: Key) -> List[str]:
        """All words that are nearer to key1 than key2 is."""
        found: List[str] = []
        while True:
            document = {"key1": plain(key1), "key2": plain(key2), "offset": len(found)}
            answer = self._ask("closer-than", document)
            found += [str(row["word"]) for row in answer["data"]]
            if not answer["data"] or len(found) >= answer["total"]:
                return found

    def relative_cosine_similarity(self, wa: Key, wb: Key, topn: int = 10) -> float:
        """The cosine of two words, by the sum of those of the topn nearest to the first."""
        document = {"pairs": [[plain(wa), plain(wb)]], "topn": topn}
        value = self._ask("relative-cosine-similarity", document)["data"][0]
        share = value["relative_cosine_similarity"]
        return math.nan if share is None else float(share)

    # ---- sets ----------------------------------------------------------------------------------

    def n_similarity(self, ws1: Sequence[Key], ws2: Sequence[Key]) -> float:
        """The cosine of the means of two lists of words."""
        document = {"ws1": [plain(key) for key in ws1], "ws2": [plain(key) for key in ws2]}
        return float(self._ask("n-similarity", document)["similarity"])

    def doesnt_match(self, words: Sequence[Key]) -> str:
        """The word that is farthest from the mean of all. Unknown ones are left out, with a
        warning."""
        document = {"words": [plain(key) for key in words], "oov": "skip"}
        answer = self._ask("odd-one-out", document)
        if answer["missing"]:
            warnings.warn(
                "words that are not known: %s" % ", ".join(answer["missing"]), stacklevel=2
            )
        return str(answer["word"])

    def wmdistance(
        self,
        document1: Union[str, Sequence[Key]],
        document2: Union[str, Sequence[Key]],
        norm: bool = True,
    ) -> float:
        """Word Mover's Distance of two documents: lists of words, or texts, which are split as the
        model's corpus was. Infinite where no word of one is known."""
        return self.wmdistances(document1, [document2], norm)[0]

    def wmdistances(
        self,
        document: Union[str, Sequence[Key]],
        documents: Sequence[Union[str, Sequence[Key]]],
        norm: bool = True,
    ) -> List[float]:
        """The distances of one document to many."""
        first = document if isinstance(document, str) else [plain(key) for key in document]
        others = [
            other if isinstance(other, str) else [plain(key) for key in other]
            for other in documents
        ]
        count, size = self._limits()
        found: List[float] = []
        for batch in batches(others, count, max(size - entry_bytes(first), size // 2)):
            answer = self._ask("wmd", {"document": first, "documents": batch, "norm": norm})
            part = [math.inf] * len(batch)
            for row in answer["data"]:
                if row["distance"] is not None:
                    part[row["index"]] = float(row["distance"])
            found += part
        return found

    # ---- evaluation ----------------------------------------------------------------------------

    def recommend(
        self,
        items: Sequence[Any],
        k: int = 10,
        *,
        score: str = "cosine",
        history: Union[int, str] = 1,
        decay: Optional[float] = None,
        repeat: bool = False,
        **options: Any,
    ) -> Any:
        """What comes next behind a session: [(item, score), ...], the best first.

        items: the session, the last item last; a list of such lists gives a list of answers. Items
        that the model does not know are passed over; those of the session are left out unless
        repeat. The last `history` items ask ("all": all of them), each `decay` times as much as the
        one behind it, by the cosine of the vectors or, score="output", by the output rows.
        options: among, prefix, exclude, offset, min_score, oov.
        """
        many = len(items) > 0 and isinstance(items[0], (list, tuple))
        document: Dict[str, Any] = {
            "k": int(k),
            "score": score,
            "history": history,
            "decay": decay,
            "repeat": bool(repeat),
            **options,
        }
        if many:
            document["sessions"] = [[plain(item) for item in session] for session in items]
        else:
            document["items"] = [plain(item) for item in items]
        answer = self._ask("recommend", document)
        found = [
            [(row["word"], row["score"]) for row in part["recommendations"]]
            for part in (answer["results"] if many else [answer])
        ]
        return found if many else found[0]

    def evaluate(self, questions: Any, set: str, **query: Any) -> Dict[str, Any]:
        """The server's answer to POST .../evaluate: `set` is "analogies" or "similarity"."""
        raise NotImplementedError

    def evaluate_word_analogies(
        self,
        analogies: Any,
        restrict_vocab: Optional[int] = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> Tuple[float, List[Dict[str, Any]]]:
        """The share of analogies that are answered right, and the sections with their counts.
        `analogies` is a path, a text or an open file. With dummy4unknown, questions with an unknown
        word count as wrong."""
        case = "fold" if case_insensitive else "exact"
        found = self.evaluate(analogies, "analogies", among=restrict_vocab, case=case)
        asked = found["answered"] + (found["skipped"] if dummy4unknown else 0)
        total = {"section": "Total accuracy", "correct": found["correct"]}
        total["incorrect"] = asked - found["correct"]
        sections = [
            {
                "section": part.get("name", part.get("section")),
                "correct": part["correct"],
                "incorrect": part["answered"] - part["correct"],
            }
            for part in found.get("sections", [])
        ]
        return (found["correct"] / asked if asked else 0.0), sections + [total]

    def evaluate_word_pairs(
        self, pairs: Any, case_insensitive: bool = True
    ) -> Tuple[Correlation, Correlation, float]:
        """Pearson's and Spearman's correlation with people's scores, and the percentage of pairs
        with an unknown word. `pairs` is a path, a text or an open file."""
        case = "fold" if case_insensitive else "exact"
        found = self.evaluate(pairs, "similarity", case=case)
        n = int(found["found"])
        unknown = 100.0 * (found["pairs"] - n) / found["pairs"] if found["pairs"] else 100.0
        return correlation(found["pearson"], n), correlation(found["spearman"], n), unknown

    # ---- what Model has ------------------------------------------------------------------------

    def get_vector(self, key: Key, norm: bool = False) -> Matrix:
        raise NotImplementedError

    def get_vectors(self, keys: Sequence[Key]) -> Matrix:
        raise NotImplementedError

    @property
    def vectors(self) -> Matrix:
        raise NotImplementedError


def question_bytes(questions: Any) -> bytes:
    return b"".join(source_of(questions, content_type="text/plain").pieces)


def correlation(statistic: Optional[float], n: int) -> Correlation:
    """With the probability of one as large among n pairs that have none."""
    if statistic is None or n < 3:
        return Correlation(math.nan if statistic is None else statistic, math.nan)
    rest = max(0.0, 1.0 - statistic * statistic)
    return Correlation(statistic, _incomplete_beta((n - 2) / 2.0, 0.5, rest))


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularized incomplete beta function, by Lentz's continued fraction."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _incomplete_beta(b, a, 1.0 - x)
    scale = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    tiny, c, d = 1e-300, 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 300):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0)),
        ):
            d = 1.0 + term * d
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = 1.0 + term / c
            c = c if abs(c) > tiny else tiny
            value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return min(1.0, scale * value / a)
