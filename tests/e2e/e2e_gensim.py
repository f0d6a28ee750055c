#!/usr/bin/env python3
"""gensim's questions, put to a running program and to gensim on the same vectors: the answers must
be the same. VECMILL names the program. gensim needs POT for
Word Mover's Distance, which is held against a linear program, too."""

import itertools
import os
import random
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from models_client import Server, binary_file, check, equal, near
import models_client
from tools import require

numpy, gensim, _, optimize, _ = require("numpy", "gensim", "gensim.models", "scipy.optimize", "ot")
KeyedVectors, linprog = gensim.models.KeyedVectors, optimize.linprog

ROWS, DIM = 300, 12
PATH = "/v1/models/made"


def vectors():
    """Words in groups, so that there are near ones; lengths differ by a factor of ten."""
    rng = numpy.random.default_rng(5)
    centres = rng.normal(size=(12, DIM))
    rows = centres[numpy.arange(ROWS) % 12] + 0.5 * rng.normal(size=(ROWS, DIM))
    rows *= 10 ** rng.uniform(-0.5, 0.5, size=(ROWS, 1))
    words = [f"{'abc'[i % 3]}word{i}" for i in range(ROWS)]
    return words, rows.astype(numpy.float32)


def pairs_of(neighbors):
    return [(entry["word"], entry["score"]) for entry in neighbors]


def same_neighbors(found, wanted, what):
    """Names in the same order, but for those whose scores are equal within rounding."""
    near([score for _, score in found], [score for _, score in wanted], what, 2e-6)
    scores = dict(wanted)
    for word, score in found:
        near([scores.get(word, wanted[-1][1])], [score], f"{what}: {word}", 2e-6)


def check_most_similar(server, kv, words):
    cases = [
        ({"positive": words[:2], "negative": words[5:6]}, {}),
        ({"positive": [[words[0], 0.5], words[1]], "negative": [words[2]]}, {}),
        ({"positive": [[words[7], 2.5], [words[8], -1.25]]}, {}),
        ({"positive": [words[3]], "negative": [[words[4], -0.25]]}, {}),
        ({"positive": [words[3]], "negative": [[words[4], 0.25]]}, {}),
        ({"positive": [words[3], {"vector": kv[words[9]].tolist()}]}, {}),
        ({"positive": [{"word": words[3], "weight": 0.1}, {"id": 10, "weight": 3}]}, {}),
        ({"positive": [words[11]]}, {"among": 50}),
        ({"positive": [words[11]]}, {"k": 40}),
    ]
    for body, options in cases:
        def plain(item):
            if isinstance(item, list):
                return tuple(item)
            if isinstance(item, dict) and "vector" in item:
                return numpy.array(item["vector"], dtype=numpy.float32)
            if isinstance(item, dict):
                return (item.get("word", item.get("id")), item["weight"])
            return item

        positive = [plain(item) for item in body.get("positive", [])]
        negative = [plain(item) for item in body.get("negative", [])]
        wanted = kv.most_similar(
            positive=positive,
            negative=negative,
            topn=options.get("k", 10),
            restrict_vocab=options.get("among"),
        )
        answer = server.post(PATH + "/analogy", {**body, **options}).json()
        same_neighbors(pairs_of(answer["neighbors"]), wanted, f"most_similar {body} {options}")
        answer = server.post(PATH + "/neighbors", {"queries": [body], **options}).json()
        same_neighbors(
            pairs_of(answer["results"][0]["neighbors"]), wanted, f"neighbors {body} {options}"
        )


def check_filters(server, kv, words):
    every = kv.most_similar(words[0], topn=ROWS)
    b_words = [pair for pair in every if pair[0].startswith("b")]
    for member, keep in (
        ({"prefix": "b"}, lambda w, s: w.startswith("b")),
        ({"prefix": ["b", "cword1"]}, lambda w, s: w.startswith(("b", "cword1"))),
        ({"exclude": [every[0][0], every[3][0]]}, lambda w, s: w not in (every[0][0], every[3][0])),
        ({"among": words[20:60]}, lambda w, s: w in words[20:60]),
        ({"among": words[20:60], "prefix": "c"}, lambda w, s: w in words[20:60] and w[0] == "c"),
        ({"min_score": 0.3}, lambda w, s: s >= 0.3),
        ({"among": 77, "exclude": words[30:50]}, lambda w, s: w in words[:30] + words[50:77]),
    ):
        wanted = [pair for pair in every if keep(*pair)]
        body = {"queries": [{"word": words[0]}], "k": ROWS, **member}
        found = server.post(PATH + "/neighbors", body).json()["results"][0]["neighbors"]
        same_neighbors(pairs_of(found), wanted, f"filter {member}")
    first = server.get(PATH + f"/neighbors?word={words[0]}&prefix=b&k=4").json()["neighbors"]
    then = server.get(PATH + f"/neighbors?word={words[0]}&prefix=b&k=4&offset=4").json()
    same_neighbors(pairs_of(first + then["neighbors"]), b_words[:8], "pages")
    equal(then["k"], 4, "length of a page")
    query = f"&exclude={every[0][0]}&exclude={every[1][0]}&min_score={every[4][1] - 1e-4}"
    found = server.get(PATH + f"/neighbors?word={words[0]}" + query).json()["neighbors"]
    same_neighbors(pairs_of(found), every[2:5], "filters of a query")
    past = server.get(PATH + f"/neighbors?word={words[0]}&offset=990&k=10").json()
    equal((past["k"], past["neighbors"]), (0, []), "a page behind the last")
    for query, key, text in (
        ("&offset=995", "offset", "max_neighbors"),
        ("&min_score=x", "min_score", "number"),
        ("&exclude=nobody", "exclude", "no word 'nobody'"),
    ):
        status = 404 if "nobody" in query else 422
        server.error("GET", PATH + f"/neighbors?word={words[0]}" + query, None, status, key, text)
    answer = server.get(PATH + f"/neighbors?word={words[0]}&exclude=nobody&oov=skip").json()
    equal(answer["missing"], ["nobody"], "an excluded word that is not known is told")
    for body, place, text in (
        ({"among": []}, "among", "between 1 and"),
        ({"prefix": 3}, "prefix", "string"),
        ({"prefix": ["a", 3]}, "prefix/1", "string"),
        ({"positive": [[words[0]]]}, "positive/0", "weight"),
        ({"positive": [[words[0], "x"]]}, "positive/0", "number"),
        ({"positive": [[words[0], 0]]}, "", "cancel out"),
        ({"positive": [{"word": words[0], "wieght": 1}]}, "positive/0", "exactly one"),
        ({"positive": [[words[0], 2]], "method": "mul"}, "positive", "3CosMul has none"),
    ):
        answer = server.ask("POST", PATH + "/analogy", {"positive": [words[0]], **body})
        equal(answer.status, 422, f"{body}: {answer.body!r}")
        error = answer.json()["error"]
        check(text in error["message"], f"{body}: {error}")
        equal(error["param"] or "", place, f"place of {body}")


def check_pairs(server, kv, words):
    rng = random.Random(3)
    pairs = [rng.sample(words, 2) for _ in range(40)]
    data = server.post(PATH + "/rank", {"pairs": pairs}).json()["data"]
    equal([entry["rank"] for entry in data], [kv.rank(*pair) for pair in pairs], "ranks")
    data = server.post(PATH + "/relative-cosine-similarity", {"pairs": pairs, "topn": 7}).json()
    near(
        [entry["relative_cosine_similarity"] for entry in data["data"]],
        [kv.relative_cosine_similarity(*pair, topn=7) for pair in pairs],
        "relative cosine similarities",
        1e-5,
    )
    for key1, key2 in pairs[:10]:
        answer = server.post(PATH + "/closer-than", {"key1": key1, "key2": key2}).json()
        equal([entry["word"] for entry in answer["data"]], kv.closer_than(key1, key2), "closer")
        equal((answer["total"], answer["rank"]), (len(answer["data"]), kv.rank(key1, key2)), "rank")
        page = {"key1": key1, "key2": key2, "offset": 3, "limit": 2}
        part = server.post(PATH + "/closer-than", page).json()
        equal((part["data"], part["total"]), (answer["data"][3:5], answer["total"]), "a page")
    answer = server.post(PATH + "/distances", {"word": words[4], "other_words": words[:50]}).json()
    near(
        [entry["distance"] for entry in answer["data"]],
        kv.distances(words[4], words[:50]).tolist(),
        "distances",
        2e-6,
    )
    for _ in range(20):
        ws1, ws2 = rng.sample(words, rng.randint(1, 6)), rng.sample(words, rng.randint(1, 6))
        answer = server.post(PATH + "/n-similarity", {"ws1": ws1, "ws2": ws2}).json()
        near([answer["similarity"]], [kv.n_similarity(ws1, ws2)], f"n_similarity {ws1} {ws2}", 2e-6)
    answer = server.post(PATH + "/similarity", {"words": words[:9], "others": words[5:20]}).json()
    for i, j in itertools.product(range(9), range(15)):
        near(
            [answer["matrix"][i][j]], [kv.similarity(words[i], words[5 + j])], "a similarity", 2e-6
        )
    square = server.post(PATH + "/similarity", {"words": words[:4] + ["?"], "oov": "zero"}).json()
    equal((square["words"][4], square["matrix"][4]), (None, [0, 0, 0, 0, 0]), "an unknown word")
    server.error("POST", PATH + "/rank", {"pairs": [["a", "b"]]}, 404, "pairs/0/0")
    skipped = server.post(PATH + "/rank", {"pairs": [["a", "b"], pairs[0]], "oov": "skip"}).json()
    equal((skipped["data"][0]["index"], skipped["missing"]), (1, ["a", "b"]), "a pair is skipped")
    server.error("POST", PATH + "/closer-than", {"key1": words[0]}, 422, "key2", "missing")
    server.error(
        "POST", PATH + "/n-similarity", {"ws1": ["?"], "ws2": words[:1], "oov": "skip"}, 422, "ws1"
    )


def linear_program(kv, one, two, norm):
    """Word Mover's Distance from its definition."""
    a, b = sorted(set(one)), sorted(set(two))
    rows = lambda names: numpy.array([kv.get_vector(w, norm=norm) for w in names], dtype=float)
    cost = numpy.linalg.norm(rows(a)[:, None] - rows(b)[None], axis=2)
    n, m = cost.shape
    sums = numpy.zeros((n + m, n * m))
    for i, j in itertools.product(range(n), range(m)):
        sums[i, i * m + j] = sums[n + j, i * m + j] = 1
    shares = [one.count(w) / len(one) for w in a] + [two.count(w) / len(two) for w in b]
    return linprog(cost.ravel(), A_eq=sums, b_eq=shares, bounds=(0, None), method="highs").fun


def check_wmd(server, kv, words):
    rng = random.Random(9)
    document = lambda n: [rng.choice(words[:120]) for _ in range(n)]
    query, documents = document(14), [document(rng.randint(1, 25)) for _ in range(25)]
    documents[3] = list(query)
    for norm in (True, False):
        body = {"document": query, "documents": documents, "norm": norm}
        answer = server.post(PATH + "/wmd", body).json()
        found = {entry["index"]: entry["distance"] for entry in answer["data"]}
        wanted = [linear_program(kv, query, other, norm) for other in documents]
        near([found[i] for i in range(25)], wanted, f"wmd, norm {norm}", 1e-6)
        equal((answer["k"], answer["matched"]), (25, 25), "all were matched")
        equal([e["distance"] for e in answer["data"]], sorted(found.values()), "nearest first")
        near(wanted, [kv.wmdistance(query, d, norm=norm) for d in documents], "gensim's", 2e-6)
        few = server.post(PATH + "/wmd", {**body, "k": 3}).json()
        equal(few["data"], answer["data"][:3], "the nearest three")
        check(few["matched"] < 25, "bounds pass documents over")
        limit = answer["data"][6]["distance"] + 1e-9
        cut = server.post(PATH + "/wmd", {**body, "max_distance": limit}).json()
        equal(cut["data"], answer["data"][:7], "max_distance")
    answer = server.post(
        PATH + "/wmd", {"document": " ".join(query), "documents": [["?"], " ".join(query), []]}
    ).json()
    equal(
        [(entry["index"], entry["distance"]) for entry in answer["data"]],
        [(1, 0), (0, None), (2, None)],
        "a text; documents of no known word come last",
    )
    equal(answer["missing"], ["?"], "what was not known")
    server.error(
        "POST", PATH + "/wmd", {"document": query, "documents": [["?"]], "oov": "error"}, 404,
        "documents/0/0",
    )
    server.error(
        "POST", PATH + "/wmd", {"document": words[:61], "documents": [["?"]]}, 422, "document",
        "max_document_words",
    )
    server.error("POST", PATH + "/wmd", {"document": query, "documents": [3]}, 422, "documents/0")


def main():
    words, rows = vectors()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder, "--max-document-words", "60")
        server.service.put(PATH + "/files/vectors.bin", binary_file(words, rows.tolist()))
        path = os.path.join(folder, "vectors.bin")
        with open(path, "wb") as file:
            file.write(binary_file(words, rows.tolist()))
        kv = KeyedVectors.load_word2vec_format(path, binary=True)
        try:
            check_most_similar(server, kv, words)
            check_filters(server, kv, words)
            check_pairs(server, kv, words)
            check_wmd(server, kv, words)
        finally:
            server.close()
    print(f"e2e_gensim: {models_client.CHECKS} checks passed")


if __name__ == "__main__":
    main()
