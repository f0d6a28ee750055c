#!/usr/bin/env python3
"""Vectors of models against the running program: every form bit for bit, every refusal with its
place; words, combiners, OpenAI's route. VECMILL names the program."""

import base64
import math
import os
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from models_client import (
    run_against_samples,
    E,
    bits,
    check,
    decode_npy,
    decode_safetensors,
    equal,
    near,
    numpy,
    random_model,
)


def test_get(server):
    answer = server.get("/v1/models/table/embeddings?word=queen&id=0&word=queen").json()
    equal(answer["model"], "table", "model of the answer")
    equal((answer["dim"], answer["missing"]), (2, []), "head of the answer")
    equal(
        answer["data"],
        [
            {"word": "queen", "id": 1, "count": 0, "shard": 0, "row": 1, "vector": [3, -4]},
            {"word": "king", "id": 0, "count": 0, "shard": 0, "row": 0, "vector": [1, 2]},
            {"word": "queen", "id": 1, "count": 0, "shard": 0, "row": 1, "vector": [3, -4]},
        ],
        "rows in the order asked for",
    )
    answer = server.get("/v1/models/table/embeddings?word=queen&max_norm=2.5").json()
    near(answer["data"][0]["vector"], [1.5, -2.0], "max_norm in the query")
    quoted = urllib.parse.quote("東京")
    equal(
        server.get(f"/v1/models/wide/embeddings?word={quoted}").json()["data"][0]["word"],
        "東京",
        "UTF-8 word",
    )
    error = server.error(
        "GET", "/v1/models/table/embeddings?word=quen", None, 404, "word", "'quen'"
    )
    equal((error["suggestions"][0], error["word"]), ("queen", "quen"), "suggestions")
    check("did you mean 'queen'" in error["message"], "the message suggests too")
    answer = server.get("/v1/models/table/embeddings?word=quen&word=king&oov=skip").json()
    equal(
        ([row["word"] for row in answer["data"]], answer["missing"]),
        (["king"], ["quen"]),
        "oov=skip",
    )
    answer = server.get("/v1/models/table/embeddings?word=quen&word=king&oov=zero").json()
    equal(
        answer["data"][0],
        {"word": "quen", "id": None, "count": 0, "shard": None, "row": None, "vector": [0, 0]},
        "oov=zero",
    )
    equal(answer["missing"], ["quen"], "oov=zero reports what is missing")
    server.error("GET", "/v1/models/table/embeddings?id=4", None, 422, "id", "ids 0 to 3")
    server.error(
        "GET", "/v1/models/table/embeddings?id=-1", None, 422, "id", "id -1 is out of range"
    )
    server.error("GET", "/v1/models/table/embeddings?id=x", None, 422, "id", "whole number")
    server.error("GET", "/v1/models/table/embeddings", None, 422, "word")
    server.error(
        "GET",
        "/v1/models/table/embeddings?words=king",
        None,
        422,
        "words",
        "unknown query key 'words'",
    )
    server.error(
        "GET",
        "/v1/models/table/embeddings?word=king&oov=never",
        None,
        422,
        "oov",
        "error|skip|zero",
    )
    server.error("GET", "/v1/models/table/embeddings?word=king&max_norm=-1", None, 422, "max_norm")


def test_nested(server):
    path = "/v1/models/table/embeddings"
    for ids in (
        [],
        [2],
        [[0, 1], [2, 3], [3, 3]],
        [[[0], [1]], [[2], [3]]],
        [[0, 1], [2]],
        [[], [1]],
        [[[[[3]]]]],
        [[]],
    ):
        answer = server.post(path, {"ids": ids}).json()

        def same(tree, data):
            if isinstance(tree, int):
                equal((data["id"], data["vector"]), (tree, E[tree]), "row of a nested id")
            else:
                equal(len(data), len(tree), "length of a nested list")
                for below, row in zip(tree, data):
                    same(below, row)

        same(ids, answer["data"])
    answer = server.post(path, {"words": [["king"], ["man"]]}).json()
    equal([row[0]["id"] for row in answer["data"]], [0, 2], "nested words")
    answer = server.post(path, {"words": [["king", "x"], ["y"]], "oov": "skip"}).json()
    equal(
        ([len(row) for row in answer["data"]], answer["missing"]),
        ([1, 0], ["x", "y"]),
        "nested words skipped",
    )
    server.error("POST", path, {"ids": [[0], 1]}, 422, "ids/1", "nested evenly")
    server.error("POST", path, {"ids": [0, [1]]}, 422, "ids/1", "nested evenly")
    server.error("POST", path, {"ids": [[[0]], [1]]}, 422, "ids/1/0", "nested evenly")
    server.error("POST", path, {"ids": [[], 1]}, 422, "ids/0")
    server.error("POST", path, {"ids": [[0, 1], [2, 4]]}, 422, "ids/1/1", "id 4 is out of range")
    server.error("POST", path, {"ids": ["king"]}, 422, "ids/0", "whole numbers, not a string")
    server.error("POST", path, {"ids": [1.5]}, 422, "ids/0")
    server.error("POST", path, {"words": [1]}, 422, "words/0", "strings")
    server.error("POST", path, {"words": [["king", "quen"]]}, 404, "words/0/1", "did you mean")
    deep = 0
    for _ in range(31):
        deep = [deep]
    answer = server.ask("POST", path, {"ids": deep})
    check(answer.status in (400, 422), f"31 levels: {answer.status}")


def test_combiners(server):
    path = "/v1/models/table/embeddings"
    ids, weights = [[1, 3], [0], [2, 2, 1]], [[2, 0.5], [1], [1, 3, -1]]
    table = [
        ("sum", weights, None, [[3, -4], [1, 2], [-1, 5]]),
        ("sum", None, None, [[-3, 4], [1, 2], [4, -3.5]]),
        ("sum", weights, 2, [[1.8, -2.4], [0.894427, 1.788854], [0.8, 2.6]]),
        ("mean", weights, None, [[1.2, -1.6], [1, 2], [-0.333333, 1.666667]]),
        ("mean", None, None, [[-1.5, 2], [1, 2], [1.333333, -1.166667]]),
        ("mean", weights, 2, [[0.72, -0.96], [0.894427, 1.788854], [0.266667, 0.866667]]),
        ("sqrtn", weights, None, [[1.455214, -1.940285], [1, 2], [-0.301511, 1.507557]]),
        ("sqrtn", None, None, [[-2.12132, 2.828427], [1, 2], [2.309401, -2.020726]]),
        ("sqrtn", weights, 2, [[0.873128, -1.164171], [0.894427, 1.788854], [0.241209, 0.783929]]),
    ]
    for combiner, given, max_norm, wanted in table:
        body = {"ids": ids, "combiner": combiner}
        if given:
            body["weights"] = given
        if max_norm:
            body["max_norm"] = max_norm
        data = server.post(path, body).json()["data"]
        equal([entry["entries"] for entry in data], [2, 1, 3], "entries combined")
        for entry, vector in zip(data, wanted):
            near(entry["vector"], vector, f"{combiner} weights {given} max_norm {max_norm}", 2e-6)
    data = server.post(path, {"ids": [1, 3], "combiner": "mean"}).json()["data"]
    equal([entry["vector"] for entry in data], [[-1.5, 2]], "a plain list is one list")
    data = server.post(path, {"ids": [[[0, 1], []], [[2], [3]]], "combiner": "sum"}).json()["data"]
    equal(
        [[entry["vector"] for entry in row] for row in data],
        [[[4, -2], [0, 0]], [[0.5, 0.25], [-6, 8]]],
        "deeper",
    )
    data = server.post(path, {"ids": [[0, 1]], "weights": [[1, -1]], "combiner": "mean"}).json()[
        "data"
    ]
    equal(data[0]["vector"], [0, 0], "weights that sum to zero give zeros")
    body = {"words": [["king", "x"], ["x"]], "combiner": "mean"}
    server.error("POST", path, body, 404, "words/0/1")
    answer = server.post(path, {**body, "oov": "skip"}).json()
    equal(
        [entry["vector"] for entry in answer["data"]],
        [[1, 2], [0, 0]],
        "skipped words do not count",
    )
    equal(answer["missing"], ["x", "x"], "what was skipped")
    answer = server.post(path, {**body, "oov": "zero"}).json()
    equal([entry["vector"] for entry in answer["data"]], [[0.5, 1], [0, 0]], "zero words do count")
    server.error("POST", path, {"ids": [0], "weights": [1]}, 422, "weights", "combiner")
    server.error(
        "POST", path, {"ids": [0, 1], "weights": [1], "combiner": "sum"}, 422, "weights", "shape"
    )
    server.error(
        "POST",
        path,
        {"ids": [[0, 1]], "weights": [[1, "x"]], "combiner": "sum"},
        422,
        "weights/0/1",
    )
    server.error("POST", path, {"ids": [0], "combiner": "prod"}, 422, "combiner", "sum|mean|sqrtn")


def test_forms(server):
    words, rows = random_model()
    path = "/v1/models/wide/embeddings"
    ids = [[0, 3, 199], [198, 197, 5]]
    wanted = b"".join(bits(rows[i]) for row in ids for i in row)
    for form, kind in (
        ("application/x-npy", "npy"),
        ("application/octet-stream", "bytes"),
        ("application/vnd.safetensors", "safetensors"),
    ):
        for headers, query in (
            ({"Accept": form}, ""),
            ({"Accept": "application/json"}, f"?format={kind}"),
            ({"Accept": f"application/json;q=0.5, {form}"}, ""),
            ({"Accept": f"{form}, */*"}, ""),
        ):
            answer = server.post(path + query, {"ids": ids}, headers=headers)
            equal(answer.headers["Content-Type"], form, f"type for {headers}")
            equal(
                (answer.headers["X-Shape"], answer.headers["X-Dtype"]),
                ("2,3,7", "float32"),
                "shape",
            )
            shape, values = {
                "npy": decode_npy,
                "safetensors": decode_safetensors,
                "bytes": lambda body: ((2, 3, 7), body),
            }[kind](answer.body)
            equal((shape, values), ((2, 3, 7), wanted), f"bits of {form}")
            if kind == "npy" and numpy is not None:
                import io

                array = numpy.load(io.BytesIO(answer.body))
                equal(
                    (array.shape, array.dtype.str, array.tobytes()),
                    ((2, 3, 7), "<f4", wanted),
                    "numpy reads it",
                )
    answer = server.get(
        path + "?word=word1&word=word2", headers={"Accept": "application/octet-stream"}
    )
    equal(
        (answer.headers["X-Shape"], answer.body),
        ("2,7", bits(rows[1]) + bits(rows[2])),
        "GET as bytes",
    )
    answer = server.get(path + "?word=word1&word=none&oov=skip&format=npy")
    equal(
        (decode_npy(answer.body), answer.headers["X-Missing"]),
        (((1, 7), bits(rows[1])), "1"),
        "skipped as array",
    )
    answer = server.post(path + "?format=bytes", {"ids": [[0, 1], [2]], "combiner": "sum"})
    equal(answer.headers["X-Shape"], "2,7", "ragged lists combined have a shape")
    answer = server.post(path + "?format=bytes", {"ids": []})
    equal((answer.headers["X-Shape"], answer.body), ("0,7", b""), "nothing asked for")
    server.error("POST", path + "?format=npy", {"ids": [[0, 1], [2]]}, 422, "ids", "equal length")
    for accept, form in (
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("", "application/json"),
        ("text/html, */*;q=0.1", "application/json"),
        ("application/json;q=0.2, application/x-npy;q=0.3", "application/x-npy"),
        ("application/json;q=0, */*", "application/x-npy"),
        ("APPLICATION/X-NPY", "application/x-npy"),
        ("application/octet-stream;q=0.9;x=1, application/json;q=0.8", "application/octet-stream"),
    ):
        answer = server.get(path + "?id=0", headers={"Accept": accept})
        equal(answer.headers["Content-Type"], form, f"Accept: {accept}")
        check("Accept" in answer.headers.get("Vary", ""), "Vary names Accept")
    for accept in ("text/html", "application/json;q=0", "image/*"):
        answer = server.get(path + "?id=0", 406, {"Accept": accept})
        error = answer.json()["error"]
        equal(len(error["available"]), 4, "406 lists what exists")
        check("application/vnd.safetensors" in error["message"], "so does its message")
    server.error("GET", path + "?id=0&format=xml", None, 406, "format")


def test_words(server):
    answer = server.get("/v1/models/wide/words?limit=2&offset=1").json()
    equal((answer["total"], answer["offset"], answer["limit"]), (200, 1, 2), "page")
    equal(
        answer["data"],
        [{"word": "word1", "id": 1, "count": 0}, {"word": "word2", "id": 2, "count": 0}],
        "words",
    )
    answer = server.get("/v1/models/wide/words?prefix=word19").json()
    equal(
        [entry["word"] for entry in answer["data"]],
        ["word19"] + [f"word19{i}" for i in range(7)],
        "words by prefix",
    )
    equal(answer["total"], 8, "total counts the prefix")
    equal(server.get("/v1/models/wide/words?offset=4000").json()["data"], [], "past the end")
    equal(server.get("/v1/models/wide/words?prefix=zzz").json()["total"], 0, "no such prefix")
    server.error("GET", "/v1/models/wide/words?limit=0", None, 422, "limit")
    server.error("GET", "/v1/models/wide/words?offset=-1", None, 422, "offset")


def unit(values):
    norm = math.sqrt(sum(value * value for value in values))
    return [value / norm for value in values]


def test_openai(server):
    path = "/v1/embeddings"
    answer = server.post(path, {"model": "table", "input": "king queen nothing"}).json()
    vector = answer["data"][0].pop("embedding")
    near(vector, unit([2, -1]), "the mean at length 1")
    near([answer["coverage"], answer["data"][0].pop("coverage")], [2 / 3, 2 / 3], "coverage")
    check(answer.pop("version").startswith("import-"), "version")
    del answer["coverage"]
    equal(
        answer,
        {
            "object": "list",
            "model": "table",
            "usage": {"prompt_tokens": 3, "total_tokens": 3},
            "tokens": 3,
            "unknown": 1,
            "altered": 0,
            "zeros": 0,
            "data": [{"object": "embedding", "index": 0, "tokens": 3, "unknown": 1, "altered": 0}],
        },
        "one text",
    )
    words, rows = random_model()
    body = {
        "model": "wide",
        "input": ["word1", "word2 word3", "東京"],
        "encoding_format": "float",
        "user": "u",
    }
    floats = server.post(path, body).json()["data"]
    coded = server.post(path, {**body, "encoding_format": "base64"}).json()["data"]
    for a, b in zip(floats, coded):
        equal(
            bits(a["embedding"]),
            base64.b64decode(b["embedding"], validate=True),
            "float and base64 agree",
        )
        near([sum(value * value for value in a["embedding"])], [1], "unit length")
    near(floats[0]["embedding"], unit(rows[1]), "a text of one word is its row")
    equal([entry["index"] for entry in floats], [0, 1, 2], "indices")
    for dimensions in (1, 3, 7):
        body = {"model": "wide", "input": "word1", "dimensions": dimensions}
        short = server.post(path, body).json()["data"][0]["embedding"]
        near(short, unit(rows[1][:dimensions]), "dimensions cut, and length is 1 all the same")
    answer = server.post(
        path, {"model": "table", "input": ["nothing", "king"], "oov": "zero"}
    ).json()
    equal(answer["data"][0]["embedding"], [0, 0], "zeros stay zeros")
    equal((answer["data"][0]["zero"], answer["zeros"]), (True, 1), "and are told")
    near(answer["data"][1]["embedding"], unit([1, 2]), "beside a text that is known")
    tokens = "check_embedding_ctx_length"
    for body, status, param, text in (
        ({"model": "table", "input": ["king", "nothing here"]}, 400, "input/1", "input 1"),
        ({"model": "table", "input": ""}, 400, "input", None),
        ({"model": "table", "input": []}, 400, "input", "between 1 and"),
        ({"model": "table", "input": [1]}, 400, "input", tokens),
        ({"model": "table", "input": [4]}, 400, "input", tokens),
        ({"model": "table", "input": [[1], [0]]}, 400, "input/0", tokens),
        ({"model": "wide", "input": [[15, 19]]}, 400, "input/0", "/v1/models/wide/embeddings"),
        ({"model": "wide", "input": ["word1", [15]]}, 400, "input/1", tokens),
        ({"model": "table", "input": [["king"]]}, 400, "input/0", "strings, not a list"),
        ({"model": "table", "input": {}}, 400, "input", "an object"),
        ({"model": "table"}, 400, "input", "missing"),
        ({"input": "king"}, 400, "model", "missing"),
        ({"model": 3, "input": "king"}, 400, "model", "a string"),
        ({"model": "tabel", "input": "king"}, 404, "model", "no model 'tabel'"),
        (
            {"model": "table", "input": "king", "dimensions": 3},
            400,
            "dimensions",
            "between 1 and 2",
        ),
        ({"model": "table", "input": "king", "dimensions": 0}, 400, "dimensions", None),
        (
            {"model": "table", "input": "king", "encoding_format": "hex"},
            400,
            "encoding_format",
            "float|base64",
        ),
        ({"model": "table", "input": "king", "inputs": 1}, 400, "inputs", None),
    ):
        server.error("POST", path, body, status, param, text)
    answer = server.ask("POST", path, "{", {"Content-Type": "application/json"})
    equal(answer.status, 400, "malformed JSON")
    check("message" in answer.json()["error"], "in OpenAI's shape")


def text_vector(ids, weight, share, removed):
    """Of the published table: the weighted sum, without what it has in common with all."""
    vector = [sum(weight(i) * E[i][c] for i in ids) for c in range(2)]
    common = unit([sum(share(i) * weight(i) * E[i][c] for i in range(4)) for c in range(2)])
    along = sum(a * b for a, b in zip(vector, common)) if removed else 0
    return unit([a - along * b for a, b in zip(vector, common)])


def test_weighting(server):
    path, text = "/v1/embeddings", {"model": "table", "input": "king woman"}
    harmonic = sum(1 / r for r in (1, 2, 3, 4))
    share = lambda i: 1 / ((i + 1) * harmonic)
    plain = server.post(path, text).json()
    equal(server.post(path, {**text, "weighting": "none", "remove_component": False}).json(), plain,
          "the defaults")
    for a in (1e-3, 0.2, None):
        weigh = lambda i: (a or 1e-3) / ((a or 1e-3) + share(i))
        for removed in (False, True):
            body = {**text, "weighting": "zipf", "sif_a": a, "remove_component": removed}
            found = server.post(path, body).json()["data"][0]["embedding"]
            near(found, text_vector([0, 3], weigh, share, removed), f"zipf, {a}, {removed}")
    # without weights the component is still that of texts whose words Zipf's law draws
    found = server.post(path, {**text, "remove_component": True}).json()["data"][0]["embedding"]
    near(found, text_vector([0, 3], lambda i: 1, share, True), "component")
    for more, place, words in (
        ({"weighting": "sif"}, "weighting", "weighting 'zipf' goes by their order"),
        ({"weighting": "tfidf"}, "weighting", "sif"),
        ({"sif_a": 0}, "sif_a", "1e-09"),
        ({"remove_component": 1}, "remove_component", "true or false"),
    ):
        server.error("POST", path, {**text, **more}, 400, place, words)


if __name__ == "__main__":
    sys.exit(
        run_against_samples(
            [test_get, test_nested, test_combiners, test_forms, test_words, test_openai,
             test_weighting]
        )
    )
