#!/usr/bin/env python3
"""The model routes against the running program: every form of vectors bit for bit, every refusal with its place.

Needs no training: the models are imported through PUT files. VECMILL names the program."""
import base64
import gzip
import http.client
import json
import math
import os
import random
import re
import shutil
import struct
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import models_client
from models_client import E, Server, WORDS, binary_file, bits, check, check_rows, cosine, decode_npy, decode_safetensors, equal, near, numpy, random_model, text_file


def test_import(server):
    equal(server.get("/v1/models").json(), {"object": "list", "data": []}, "no models yet")
    answer = server.ask("PUT", "/v1/models/table/files/vectors.txt", text_file(WORDS, E))
    equal(answer.status, 201, f"import ({answer.body!r})")
    equal(answer.headers["Location"], "/v1/models/table", "Location of an import")
    card = answer.json()
    equal((card["id"], card["object"], card["dim"], card["words"]), ("table", "model", 2, 4), "card of an import")
    words, rows = random_model()
    for file, body in (("vectors.bin", binary_file(words, rows)),
                       ("vectors.txt.gz", gzip.compress(text_file(words, rows).encode())),
                       ("vectors.bin.gz", gzip.compress(binary_file(words, rows)))):
        answer = server.ask("PUT", f"/v1/models/wide/files/{file}", body)
        equal(answer.status, 201, f"import of {file} ({answer.body!r})")
        check_rows(server, words, rows)
    answer = server.ask("PUT", "/v1/models/wide/files/vectors.bin", gzip.compress(binary_file(words, rows)),
                        {"Content-Encoding": "gzip"})
    equal(answer.status, 201, f"import under Content-Encoding ({answer.body!r})")
    check_rows(server, words, rows)
    listed = server.get("/v1/models").json()
    equal([entry["id"] for entry in listed["data"]], ["table", "wide"], "list")
    for entry in listed["data"]:
        equal((entry["object"], entry["owned_by"]), ("model", "vecmill"), "OpenAI's members")
        check(isinstance(entry["created"], int), "created is in whole seconds")
    for file, body, status in (("vectors.txt", "2 2\nking 1\n", 400), ("vectors.txt", "", 400),
                               ("vectors.bin", binary_file(WORDS, E)[:-5], 400),
                               ("vectors.txt", "2 2\nking 1 2\nking 3 4\n", 422),
                               ("vectors.txt", "1 2\nking nan 2\n", None)):
        answer = server.ask("PUT", f"/v1/models/bad/files/{file}", body)
        check(answer.status in ((status,) if status else (400, 422)),
              f"import of {body!r}: {answer.status} {answer.body!r}")
        check("message" in answer.json()["error"], "an import's refusal says why")
    server.error("PUT", "/v1/models/bad/files/model.vecmill", "x", 422, "file", "vectors.txt")
    server.error("PUT", "/v1/models/bad/files/vectors.txt?x=1", "x", 422, "x")
    server.error("PUT", "/v1/models/.bad/files/vectors.txt", "x", 422, "model")
    server.error("GET", "/v1/models/bad", None, 404, "model", "no model 'bad'")


def test_card(server):
    card = server.get("/v1/models/wide").json()
    equal((card["dim"], card["words"], card["shards"], card["partition"]), (7, 200, 1, "mod"), "card")
    check(re.fullmatch(r"sha256:[0-9a-f]{64}", card["digest"]), "digest")
    for member in ("settings", "corpus_digest", "training", "files", "max_norm", "version"):
        check(member in card, f"{member} is on the card")
    error = server.error("GET", "/v1/models/wied", None, 404, "model", "no model 'wied'")
    equal((error["code"], error["suggestions"]), ("model_not_found", ["wide"]), "near names")
    server.error("GET", "/v1/models/wide?x", None, 422, "x", "unknown query key")


def test_get(server):
    answer = server.get("/v1/models/table/embeddings?word=queen&id=0&word=queen").json()
    equal(answer["model"], "table", "model of the answer")
    equal((answer["dim"], answer["missing"]), (2, []), "head of the answer")
    equal(answer["data"], [
        {"word": "queen", "id": 1, "count": 0, "shard": 0, "row": 1, "vector": [3, -4]},
        {"word": "king", "id": 0, "count": 0, "shard": 0, "row": 0, "vector": [1, 2]},
        {"word": "queen", "id": 1, "count": 0, "shard": 0, "row": 1, "vector": [3, -4]}], "rows in the order asked for")
    answer = server.get("/v1/models/table/embeddings?word=queen&max_norm=2.5").json()
    near(answer["data"][0]["vector"], [1.5, -2.0], "max_norm in the query")
    quoted = urllib.parse.quote("東京")
    equal(server.get(f"/v1/models/wide/embeddings?word={quoted}").json()["data"][0]["word"], "東京", "UTF-8 word")
    error = server.error("GET", "/v1/models/table/embeddings?word=quen", None, 404, "word", "'quen'")
    equal((error["suggestions"][0], error["word"]), ("queen", "quen"), "suggestions")
    check("did you mean 'queen'" in error["message"], "the message suggests too")
    answer = server.get("/v1/models/table/embeddings?word=quen&word=king&oov=skip").json()
    equal(([row["word"] for row in answer["data"]], answer["missing"]), (["king"], ["quen"]), "oov=skip")
    answer = server.get("/v1/models/table/embeddings?word=quen&word=king&oov=zero").json()
    equal(answer["data"][0], {"word": "quen", "id": None, "count": 0, "shard": None, "row": None, "vector": [0, 0]},
          "oov=zero")
    equal(answer["missing"], ["quen"], "oov=zero reports what is missing")
    server.error("GET", "/v1/models/table/embeddings?id=4", None, 422, "id", "ids 0 to 3")
    server.error("GET", "/v1/models/table/embeddings?id=-1", None, 422, "id", "id -1 is out of range")
    server.error("GET", "/v1/models/table/embeddings?id=x", None, 422, "id", "whole number")
    server.error("GET", "/v1/models/table/embeddings", None, 422, "word")
    server.error("GET", "/v1/models/table/embeddings?words=king", None, 422, "words", "unknown query key 'words'")
    server.error("GET", "/v1/models/table/embeddings?word=king&oov=never", None, 422, "oov", "error|skip|zero")
    server.error("GET", "/v1/models/table/embeddings?word=king&max_norm=-1", None, 422, "max_norm")


def test_nested(server):
    path = "/v1/models/table/embeddings"
    for ids in ([], [2], [[0, 1], [2, 3], [3, 3]], [[[0], [1]], [[2], [3]]], [[0, 1], [2]], [[], [1]], [[[[[3]]]]], [[]]):
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
    equal(([len(row) for row in answer["data"]], answer["missing"]), ([1, 0], ["x", "y"]), "nested words skipped")
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
    equal([[entry["vector"] for entry in row] for row in data], [[[4, -2], [0, 0]], [[0.5, 0.25], [-6, 8]]], "deeper")
    data = server.post(path, {"ids": [[0, 1]], "weights": [[1, -1]], "combiner": "mean"}).json()["data"]
    equal(data[0]["vector"], [0, 0], "weights that sum to zero give zeros")
    body = {"words": [["king", "x"], ["x"]], "combiner": "mean"}
    server.error("POST", path, body, 404, "words/0/1")
    answer = server.post(path, {**body, "oov": "skip"}).json()
    equal([entry["vector"] for entry in answer["data"]], [[1, 2], [0, 0]], "skipped words do not count")
    equal(answer["missing"], ["x", "x"], "what was skipped")
    answer = server.post(path, {**body, "oov": "zero"}).json()
    equal([entry["vector"] for entry in answer["data"]], [[0.5, 1], [0, 0]], "zero words do count")
    server.error("POST", path, {"ids": [0], "weights": [1]}, 422, "weights", "combiner")
    server.error("POST", path, {"ids": [0, 1], "weights": [1], "combiner": "sum"}, 422, "weights", "shape")
    server.error("POST", path, {"ids": [[0, 1]], "weights": [[1, "x"]], "combiner": "sum"}, 422, "weights/0/1")
    server.error("POST", path, {"ids": [0], "combiner": "max"}, 422, "combiner", "sum|mean|sqrtn")


def test_forms(server):
    words, rows = random_model()
    path = "/v1/models/wide/embeddings"
    ids = [[0, 3, 199], [198, 197, 5]]
    wanted = b"".join(bits(rows[i]) for row in ids for i in row)
    for form, kind in (("application/x-npy", "npy"), ("application/octet-stream", "bytes"),
                       ("application/vnd.safetensors", "safetensors")):
        for headers, query in (({"Accept": form}, ""), ({"Accept": "application/json"}, f"?format={kind}"),
                               ({"Accept": f"application/json;q=0.5, {form}"}, ""), ({"Accept": f"{form}, */*"}, "")):
            answer = server.post(path + query, {"ids": ids}, headers=headers)
            equal(answer.headers["Content-Type"], form, f"type for {headers}")
            equal((answer.headers["X-Shape"], answer.headers["X-Dtype"]), ("2,3,7", "float32"), "shape")
            shape, values = {"npy": decode_npy, "safetensors": decode_safetensors,
                             "bytes": lambda body: ((2, 3, 7), body)}[kind](answer.body)
            equal((shape, values), ((2, 3, 7), wanted), f"bits of {form}")
            if kind == "npy" and numpy is not None:
                import io
                array = numpy.load(io.BytesIO(answer.body))
                equal((array.shape, array.dtype.str, array.tobytes()), ((2, 3, 7), "<f4", wanted), "numpy reads it")
    answer = server.get(path + "?word=word1&word=word2", headers={"Accept": "application/octet-stream"})
    equal((answer.headers["X-Shape"], answer.body), ("2,7", bits(rows[1]) + bits(rows[2])), "GET as bytes")
    answer = server.get(path + "?word=word1&word=none&oov=skip&format=npy")
    equal((decode_npy(answer.body), answer.headers["X-Missing"]), (((1, 7), bits(rows[1])), "1"), "skipped as array")
    answer = server.post(path + "?format=bytes", {"ids": [[0, 1], [2]], "combiner": "sum"})
    equal(answer.headers["X-Shape"], "2,7", "ragged lists combined have a shape")
    answer = server.post(path + "?format=bytes", {"ids": []})
    equal((answer.headers["X-Shape"], answer.body), ("0,7", b""), "nothing asked for")
    server.error("POST", path + "?format=npy", {"ids": [[0, 1], [2]]}, 422, "ids", "equal length")
    for accept, form in (("*/*", "application/json"), ("application/*", "application/json"), ("", "application/json"),
                         ("text/html, */*;q=0.1", "application/json"),
                         ("application/json;q=0.2, application/x-npy;q=0.3", "application/x-npy"),
                         ("application/json;q=0, */*", "application/x-npy"),
                         ("APPLICATION/X-NPY", "application/x-npy"),
                         ("application/octet-stream;q=0.9;x=1, application/json;q=0.8", "application/octet-stream")):
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
    equal(answer["data"], [{"word": "word1", "id": 1, "count": 0}, {"word": "word2", "id": 2, "count": 0}], "words")
    answer = server.get("/v1/models/wide/words?prefix=word19").json()
    equal([entry["word"] for entry in answer["data"]],
          ["word19"] + [f"word19{i}" for i in range(7)], "words by prefix")
    equal(answer["total"], 8, "total counts the prefix")
    equal(server.get("/v1/models/wide/words?offset=4000").json()["data"], [], "past the end")
    equal(server.get("/v1/models/wide/words?prefix=zzz").json()["total"], 0, "no such prefix")
    server.error("GET", "/v1/models/wide/words?limit=0", None, 422, "limit")
    server.error("GET", "/v1/models/wide/words?offset=-1", None, 422, "offset")


def test_openai(server):
    path = "/v1/embeddings"
    answer = server.post(path, {"model": "table", "input": "king queen nothing"}).json()
    equal(answer, {"object": "list", "model": "table", "usage": {"prompt_tokens": 3, "total_tokens": 3},
                   "data": [{"object": "embedding", "index": 0, "embedding": [2, -1]}]}, "one text")
    words, rows = random_model()
    body = {"model": "wide", "input": ["word1", "word2 word3", "東京"], "encoding_format": "float", "user": "u"}
    floats = server.post(path, body).json()["data"]
    coded = server.post(path, {**body, "encoding_format": "base64"}).json()["data"]
    for a, b in zip(floats, coded):
        equal(bits(a["embedding"]), base64.b64decode(b["embedding"], validate=True), "float and base64 agree")
    equal(bits(floats[0]["embedding"]), bits(rows[1]), "a text of one word is its row")
    equal([entry["index"] for entry in floats], [0, 1, 2], "indices")
    by_ids = server.post(path, {"model": "wide", "input": [[1], [2, 3], [198]]}).json()
    equal([entry["embedding"] for entry in by_ids["data"]], [entry["embedding"] for entry in floats], "token lists")
    equal(by_ids["usage"]["prompt_tokens"], 4, "tokens of lists")
    equal(len(server.post(path, {"model": "wide", "input": [2, 3]}).json()["data"]), 1, "one token list")
    short = server.post(path, {"model": "wide", "input": "word1", "dimensions": 3}).json()["data"][0]["embedding"]
    norm = math.sqrt(sum(value * value for value in rows[1][:3]))
    near(short, [value / norm for value in rows[1][:3]], "dimensions cut and normalise")
    full = server.post(path, {"model": "wide", "input": "word1", "dimensions": 7}).json()["data"][0]["embedding"]
    equal(bits(full), bits(rows[1]), "dimensions of the model itself change nothing")
    answer = server.post(path, {"model": "table", "input": ["nothing", "king"], "oov": "zero"}).json()
    equal([entry["embedding"] for entry in answer["data"]], [[0, 0], [1, 2]], "oov zero")
    for body, status, param, text in (
            ({"model": "table", "input": ["king", "nothing here"]}, 400, "input/1", "input 1"),
            ({"model": "table", "input": ""}, 400, "input", None),
            ({"model": "table", "input": []}, 400, "input", "between 1 and"),
            ({"model": "table", "input": [4]}, 400, "input", "check_embedding_ctx_length"),
            ({"model": "table", "input": [[1], [-1]]}, 400, "input/1", "out of range"),
            ({"model": "table", "input": [["king"]]}, 400, "input/0", "whole numbers"),
            ({"model": "table", "input": {}}, 400, "input", "an object"),
            ({"model": "table"}, 400, "input", "missing"),
            ({"input": "king"}, 400, "model", "missing"),
            ({"model": 3, "input": "king"}, 400, "model", "a string"),
            ({"model": "tabel", "input": "king"}, 404, "model", "no model 'tabel'"),
            ({"model": "table", "input": "king", "dimensions": 3}, 400, "dimensions", "between 1 and 2"),
            ({"model": "table", "input": "king", "dimensions": 0}, 400, "dimensions", None),
            ({"model": "table", "input": "king", "encoding_format": "hex"}, 400, "encoding_format", "float|base64"),
            ({"model": "table", "input": "king", "inputs": 1}, 400, "inputs", None)):
        server.error("POST", path, body, status, param, text)
    answer = server.ask("POST", path, "{", {"Content-Type": "application/json"})
    equal(answer.status, 400, "malformed JSON")
    check("message" in answer.json()["error"], "in OpenAI's shape")


def test_search(server):
    path = "/v1/models/table"
    ranked = sorted(range(1, 4), key=lambda i: -cosine(E[0], E[i]))
    answer = server.get(path + "/neighbors?word=king&k=3").json()
    equal((answer["k"], answer["query"]), (3, {"word": "king", "id": 0}), "query of neighbours")
    equal([entry["id"] for entry in answer["neighbors"]], ranked, "neighbours of king")
    near([entry["score"] for entry in answer["neighbors"]], [cosine(E[0], E[i]) for i in ranked], "scores")
    equal(server.get(path + "/neighbors?id=0&k=2").json()["neighbors"], answer["neighbors"][:2], "by id")
    answer = server.get(path + "/neighbors?word=king&k=500").json()
    equal((answer["k"], len(answer["neighbors"])), (3, 3), "k is cut to what there is, and said so")
    answer = server.get(path + "/neighbors?word=king&among=2").json()
    equal([entry["id"] for entry in answer["neighbors"]], [1], "among")
    queries = [{"word": "king"}, {"id": 1}, {"vector": [1, 2]}, {"positive": ["king", "man"], "negative": [1]}]
    results = server.post(path + "/neighbors", {"queries": queries, "k": 4}).json()["results"]
    equal([len(result["neighbors"]) for result in results], [3, 3, 4, 1], "the query's own words are left out")
    equal(results[0]["neighbors"], server.get(path + "/neighbors?word=king").json()["neighbors"], "batch and single agree")
    equal(results[2]["neighbors"][0]["word"], "king", "a vector finds its own word")
    equal(results[3]["neighbors"][0]["word"], "woman", "positive and negative")
    for body, param, text in (
            ({"queries": []}, "queries", "between 1"), ({}, "queries", "missing"),
            ({"queries": [{"word": "king"}], "k": 0}, "k", "between 1 and 1000, not 0"),
            ({"queries": [{"word": "king"}], "k": 1001}, "k", "not 1001"),
            ({"queries": [{"word": "king"}], "k": "3"}, "k", "whole number"),
            ({"queries": ["king"]}, "queries/0", "object"), ({"queries": [{}]}, "queries/0", "exactly one"),
            ({"queries": [{"word": "king", "id": 0}]}, "queries/0", "exactly one"),
            ({"queries": [{"word": "king", "x": 0}]}, "queries/0", None),
            ({"queries": [{"word": 3}]}, "queries/0/word", "a string"),
            ({"queries": [{"id": 9}]}, "queries/0/id", "out of range"),
            ({"queries": [{"vector": [1]}]}, "queries/0/vector", "2 numbers"),
            ({"queries": [{"vector": [0, 0]}]}, "queries/0/vector", "no direction"),
            ({"queries": [{"vector": [1, "x"]}]}, "queries/0/vector", None),
            ({"queries": [{"vector": [1e300, 1]}]}, "queries/0/vector", "too large"),
            ({"queries": [{"positive": ["king"], "negative": ["king"]}]}, "queries/0", "cancel out"),
            ({"queries": [{"positive": []}]}, "queries/0", "empty"),
            ({"queries": [{"word": "king"}], "mood": 1}, "mood", None)):
        server.error("POST", path + "/neighbors", body, 422, param, text)
    error = server.error("POST", path + "/neighbors", {"queries": [{"word": "king"}, {"word": "womann"}]}, 404,
                         "queries/1/word", "did you mean 'woman'")
    equal(error["suggestions"][0], "woman", "suggestion in a batch")
    server.error("GET", path + "/neighbors?word=king&k=0", None, 422, "k", "between 1 and 1000")
    server.error("GET", path + "/neighbors?word=king&k=1001", None, 422, "k")
    server.error("GET", path + "/neighbors?word=king&word=man", None, 422, "word")
    server.error("GET", path + "/neighbors", None, 422, "word")
    server.error("GET", "/v1/models/wdie/neighbors?word=king", None, 404, "model", "no model 'wdie'")
    for method in ("add", "mul"):
        answer = server.post(path + "/analogy", {"positive": ["king", "man"], "negative": ["queen"], "k": 3,
                                                 "method": method}).json()
        equal((answer["k"], answer["method"]), (1, method), "analogy")
        equal(answer["neighbors"][0]["word"], "woman", "analogy leaves out its own words")
    server.error("POST", path + "/analogy", {"negative": ["king"]}, 422, "positive", "missing")
    server.error("POST", path + "/analogy", {"positive": ["king"], "method": "div"}, 422, "method", "add|mul")
    server.error("POST", path + "/analogy", {"positive": ["kinng"]}, 404, "positive/0", "did you mean 'king'")
    answer = server.post(path + "/similarity", {"pairs": [["king", "queen"], ["man", 2]]}).json()["data"]
    equal([entry["pair"] for entry in answer], [["king", "queen"], ["man", "man"]], "pairs")
    near([entry["similarity"] for entry in answer], [cosine(E[0], E[1]), 1], "similarities")
    server.error("POST", path + "/similarity", {"pairs": [["king"]]}, 422, "pairs/0", "two words")
    server.error("POST", path + "/similarity", {"pairs": [["king", "man"], ["king", "x"]]}, 404, "pairs/1/1")
    answer = server.post(path + "/odd-one-out", {"words": ["king", "woman", "man"]}).json()
    equal((answer["word"], answer["index"], len(answer["scores"])), ("woman", 1, 3), "odd one out")
    server.error("POST", path + "/odd-one-out", {"words": ["king", "man"]}, 422, "words", "between 3 and")


def test_evaluate(server):
    path = "/v1/models/table/evaluate"
    questions = ": family\nking queen man woman\nKing Queen Man Woman\n: gram1-x\nking queen man nobody\n"
    answer = server.post(path + "?set=analogies", questions).json()
    equal((answer["set"], answer["among"], answer["answered"], answer["skipped"]), ("analogies", 30000, 2, 1), "counts")
    equal([section["name"] for section in answer["sections"]], ["family", "gram1-x"], "sections")
    check(answer["sections"][1]["accuracy"] is None, "no answered question, no accuracy")
    equal(answer["correct"], answer["semantic"]["correct"] + answer["syntactic"]["correct"], "totals")
    answer = server.post(path + "?set=analogies&among=2", questions).json()
    equal((answer["answered"], answer["skipped"]), (0, 3), "among restricts the questions")
    pairs = "# comment\nking\tqueen\t1\nking\tman\t9\nqueen\twoman\t0.5\nking\tx\t3\n"
    answer = server.post(path + "?set=similarity", pairs).json()
    equal((answer["pairs"], answer["found"]), (4, 3), "coverage")
    scores, gold = [cosine(E[0], E[1]), cosine(E[0], E[2]), cosine(E[1], E[3])], [1, 9, 0.5]
    mean = lambda values: sum(values) / len(values)
    centred = lambda values: [value - mean(values) for value in values]
    near([answer["pearson"], answer["spearman"]], [cosine(centred(scores), centred(gold)), 1.0], "correlations", 1e-5)
    server.error("POST", path, questions, 422, "set", "missing")
    server.error("POST", path + "?set=x", questions, 422, "set", "analogies|similarity")
    server.error("POST", path + "?set=analogies", "", 422, None, "empty")
    server.error("POST", path + "?set=similarity&among=3", pairs, 422, "among")
    answer = server.ask("POST", path + "?set=analogies", ": x\nking queen man\n")
    equal(answer.status, 400, f"three words on a line ({answer.body!r})")


def test_candidates(server):
    path = "/v1/models/wide/candidates"
    n = 200
    probability = [math.log((i + 2) / (i + 1)) / math.log(n + 1) for i in range(n)]
    body = {"num_sampled": 50, "unique": False, "true": [0, 7, 7], "seed": 5}
    answer = server.post(path, body).json()
    equal(server.post(path, body).json(), answer, "the same seed gives the same ids")
    check(server.post(path, {**body, "seed": 6}).json()["sampled"] != answer["sampled"], "another seed does not")
    equal((len(answer["sampled"]), answer["num_tries"]), (50, 50), "draws with replacement")
    near(answer["expected"], [50 * probability[i] for i in answer["sampled"]], "expected counts")
    near([entry["expected"] for entry in answer["true"]], [50 * probability[i] for i in (0, 7, 7)], "of the true ids")
    hits = [(row, column) for row, true in enumerate((0, 7, 7)) for column, i in enumerate(answer["sampled"]) if i == true]
    equal(sorted((hit["row"], hit["column"]) for hit in answer["accidental_hits"]), sorted(hits), "accidental hits")
    answer = server.post(path, {**body, "unique": True}).json()
    equal(len(set(answer["sampled"])), 50, "unique")
    tries = answer["num_tries"]
    check(tries >= 50, "tries")
    near(answer["expected"], [-math.expm1(tries * math.log1p(-probability[i])) for i in answer["sampled"]], "unique counts")
    answer = server.post(path, {"num_sampled": 200, "unique": True}).json()
    equal(sorted(answer["sampled"]), list(range(200)), "all ids")
    for body, param in (({}, "num_sampled"), ({"num_sampled": 0}, "num_sampled"), ({"num_sampled": 10001}, "num_sampled"),
                        ({"num_sampled": 3, "unique": 1}, "unique"), ({"num_sampled": 3, "true": [200]}, "true/0"),
                        ({"num_sampled": 3, "seed": -1}, "seed"), ({"num_sampled": 3, "true": 1}, "true")):
        server.error("POST", path, body, 422, param)
    equal(server.ask("POST", path, {"num_sampled": 201, "unique": True}).status, 422, "more than there are")


def test_files(server):
    path = "/v1/models/table/files/"
    answer = server.get(path + "vectors.txt")
    lines = answer.body.decode().splitlines()
    equal((lines[0], lines[1]), ("4 2", "king 1 2"), "vectors.txt")
    tag = answer.headers["ETag"]
    check(re.fullmatch(r'"[^"]+"', tag), f"a strong tag: {tag}")
    equal(answer.headers.get("Accept-Ranges"), "bytes", "Accept-Ranges")
    check("Content-Encoding" not in answer.headers, "never re-encoded")
    equal(server.get(path + "vectors.txt").headers["ETag"], tag, "the tag stays")
    equal(server.get(path + "vectors.txt", 304, {"If-None-Match": tag}).body, b"", "304")
    part = server.get(path + "vectors.txt", 206, {"Range": "bytes=4-7"})
    equal((part.body, part.headers["Content-Range"]), (answer.body[4:8], f"bytes 4-7/{len(answer.body)}"), "206")
    equal(server.get(path + "vectors.txt", 206, {"Range": "bytes=-3"}).body, answer.body[-3:], "the last bytes")
    equal(server.get(path + "vectors.txt", 206, {"Range": "bytes=4-7", "If-Range": tag}).body, answer.body[4:8],
          "If-Range fits")
    equal(server.get(path + "vectors.txt", 200, {"Range": "bytes=4-7", "If-Range": '"x"'}).body, answer.body,
          "If-Range does not")
    answer416 = server.get(path + "vectors.txt", 416, {"Range": f"bytes={len(answer.body)}-"})
    equal(answer416.headers["Content-Range"], f"bytes */{len(answer.body)}", "416 tells the size")
    head = server.ask("HEAD", path + "vectors.txt")
    equal((head.status, head.body, head.headers["Content-Length"]), (200, b"", str(len(answer.body))), "HEAD")
    unit = server.get(path + "vectors.txt?normalize=true")
    check(unit.headers["ETag"] != tag, "other options, other tag")
    near([float(value) for value in unit.body.split()[3:5]], [1 / math.sqrt(5), 2 / math.sqrt(5)], "normalize")
    centred = server.get(path + "vectors.txt?subtract_mean=1")
    near([float(value) for value in centred.body.split()[3:5]], [1 - -0.375, 2 - 1.5625], "subtract_mean")
    equal(server.get(path + "vectors.bin").body.count(b"\n") >= 1, True, "vectors.bin")
    equal(gzip.decompress(server.get(path + "vectors.txt.gz").body), answer.body, "gz holds the same")
    equal(gzip.decompress(server.get(path + "vectors.bin.gz").body), server.get(path + "vectors.bin").body, "bin.gz")
    equal(decode_npy(server.get(path + "vectors.npy").body), ((4, 2), b"".join(bits(row) for row in E)), "vectors.npy")
    body = server.get(path + "model.safetensors").body
    length = struct.unpack("<Q", body[:8])[0]
    begin, end = json.loads(body[8:8 + length])["embeddings"]["data_offsets"]
    equal(body[8 + length + begin:8 + length + end], b"".join(bits(row) for row in E), "model.safetensors")
    for file in server.get("/v1/models/table").json()["files"]:
        check(len(server.get(path + file).body) > 0, f"{file} is there")
    words, rows = random_model()
    equal(server.get("/v1/models/wide/files/vectors.npy").body[-len(words) * 28:], b"".join(bits(row) for row in rows),
          "bits of an export")
    back = server.get("/v1/models/wide/files/vectors.txt").body
    equal(server.ask("PUT", "/v1/models/again/files/vectors.txt", back).status, 201, "an export is an import")
    equal(server.get("/v1/models/again/files/vectors.txt").body, back, "round trip")
    equal(server.ask("DELETE", "/v1/models/again").status, 200, "delete")
    error = server.error("GET", path + "vectors.csv", None, 404, "file", "no file 'vectors.csv'")
    check("vectors.npy" in error["available"], "404 lists what exists")
    answer = server.ask("PUT", "/v1/models/again/files/vectors.txt", back, {"Idempotency-Key": "k"})
    equal((answer.status, answer.json()["error"]["param"]), (422, "Idempotency-Key"), "an import takes no key")
    server.error("GET", "/v1/models/again", None, 404, "model")
    server.error("GET", path + "vectors.txt?normalise=1", None, 422, "normalise")
    server.error("GET", path + "vectors.txt?normalize=maybe", None, 422, "normalize")


def test_versions(server):
    listed = server.get("/v1/models/wide/versions").json()
    equal((listed["object"], len(listed["data"])), ("list", 4), "versions kept")
    equal([entry["current"] for entry in listed["data"]], [True, False, False, False], "the newest is served")
    equal(server.ask("PUT", "/v1/models/switch/files/vectors.txt", "1 1\na 1\n").status, 201, "first version")
    first = server.get("/v1/models/switch").json()["version"]
    equal(server.ask("PUT", "/v1/models/switch/files/vectors.txt", "1 1\na 2\n").status, 201, "second version")
    value = lambda: server.get("/v1/models/switch/embeddings?word=a").json()["data"][0]["vector"]
    equal(value(), [2], "the new version is served at once")
    card = server.post(f"/v1/models/switch/versions/{first}/activate", None).json()
    equal((card["version"], value()), (first, [1]), "roll back")
    server.error("POST", "/v1/models/switch/versions/none/activate", None, 404, "version", "no version 'none'")
    server.error("POST", f"/v1/models/none/versions/{first}/activate", None, 404, "model")
    return first


def test_limits(program):
    """Batches and k end at their settings, and the refusal names the setting."""
    folder = tempfile.mkdtemp(prefix="vecmill-e2e-")
    server = Server(program, folder, "--max-batch", "3", "--max-neighbors", "2", "--max-models", "1", "--max-versions", "2",
                    "--max-import-bytes", "2048")
    try:
        for _ in range(3):
            equal(server.ask("PUT", "/v1/models/table/files/vectors.txt", text_file(WORDS, E)).status, 201, "import")
        equal(len(server.get("/v1/models/table/versions").json()["data"]), 2, "max_versions")
        server.error("PUT", "/v1/models/other/files/vectors.txt", text_file(WORDS, E), 409, "max_models", "max_models is 1")
        path = "/v1/models/table/"
        equal(len(server.post(path + "embeddings", {"ids": [0, 1, 2]}).json()["data"]), 3, "as many as allowed")
        server.error("POST", path + "embeddings", {"ids": [[0, 1], [2, 3]]}, 422, "ids/1/1", "max_batch")
        server.error("POST", path + "embeddings", {"ids": [[], [], [], []], "combiner": "sum"}, 422, "ids", "max_batch")
        server.error("GET", path + "embeddings?id=0&id=0&id=0&id=0", None, 422, "word", "max_batch")
        server.error("POST", path + "neighbors", {"queries": [{"id": 0}] * 4}, 422, "queries", "between 1 and 3")
        server.error("GET", path + "neighbors?id=0&k=3", None, 422, "k", "between 1 and 2")
        server.error("POST", path + "similarity", {"pairs": [["king", "man"]] * 4}, 422, "pairs")
        server.error("GET", path + "words?limit=4", None, 422, "limit")
        server.error("POST", "/v1/embeddings", {"model": "table", "input": ["king"] * 4}, 400, "input", "between 1 and 3")
        big = text_file([f"w{i}" for i in range(500)], [[0.25, 0.5]] * 500)
        for body, headers in ((big, {}), (gzip.compress(big.encode()), {"Content-Encoding": "gzip"}),
                              (gzip.compress(big.encode()), {})):
            answer = server.ask("PUT", "/v1/models/table/files/vectors.txt", body, headers)
            equal(answer.status, 413, f"max_import_bytes ({answer.body!r})")
        answer = server.ask("PUT", "/v1/models/table/files/vectors.txt", b"x", {"Content-Encoding": "br"})
        equal(answer.status, 415, f"an unknown encoding ({answer.body!r})")
        connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
        connection.putrequest("PUT", "/v1/models/table/files/vectors.txt")
        connection.putheader("Content-Length", "100")
        connection.endheaders()
        connection.send(b"4 2\nking")
        connection.close()  # a client that vanishes leaves nothing behind
        equal(len(server.get("/v1/models/table/versions").json()["data"]), 2, "refused imports publish nothing")
        equal(server.stop(), 0, "exit status")
        left = [name for name in os.listdir(os.path.join(folder, "models")) if name.startswith(".tmp-")]
        equal(left, [], "refused imports leave nothing behind")
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def test_trained(server):
    """What an import has not: counts, shards, settings, a default max_norm, a tokenizer of its own."""
    generator = random.Random(3)
    words = ["Sun", "Moon", "Star", "Sky", "Sea", "Land", "Tree"]
    corpus = "\n".join(" ".join(generator.choices(words, [7, 6, 5, 4, 3, 2, 1], k=8)) for _ in range(400)) + "\n"
    query = "dim=6&epochs=2&min_count=1&shards=3&partition=div&max_norm=0.01&tokenizer=unicode&sampler=unigram&threads=1"
    answer = server.ask("POST", f"/v1/models/trained/train?{query}", corpus, {"Content-Type": "text/plain"})
    equal(answer.status, 202, f"train ({answer.body!r})")
    job = answer.json()
    for _ in range(300):
        job = server.get(f"/v1/jobs/{job['id']}").json()
        if job["state"] in ("succeeded", "failed", "cancelled"):
            break
        time.sleep(0.1)
    equal(job["state"], "succeeded", f"the job {job}")
    card = server.get("/v1/models/trained").json()
    equal((card["dim"], card["words"], card["shards"], card["partition"], card["max_norm"]), (6, 7, 3, "div", 0.01), "card")
    equal((card["settings"]["dim"], card["settings"]["sampler"], card["settings"]["tokenizer"]), (6, "unigram", "unicode"),
          "settings on the card")
    equal(card["corpus"]["words"], 3200, "words of the corpus")
    rows = server.post("/v1/models/trained/embeddings", {"ids": list(range(7)), "max_norm": 0}).json()["data"]
    equal([(row["shard"], row["row"]) for row in rows], [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0), (2, 1)], "div")
    equal(sum(row["count"] for row in rows), 3200, "counts")
    check(all(a["count"] >= b["count"] for a, b in zip(rows, rows[1:])), "most frequent first")
    clipped = server.post("/v1/models/trained/embeddings", {"ids": list(range(7))}).json()["data"]
    for row, cut in zip(rows, clipped):
        norm = math.sqrt(sum(value * value for value in row["vector"]))
        near(cut["vector"], [value * min(1, 0.01 / norm) for value in row["vector"]], "the model's own max_norm", 1e-7)
    one = server.post("/v1/embeddings", {"model": "trained", "input": "SUN, moon!"}).json()
    check(one["usage"]["prompt_tokens"] >= 2, "tokens by the model's own tokenizer")
    rank = {row["word"]: row for row in clipped}
    near(one["data"][0]["embedding"], [(a + b) / 2 for a, b in zip(rank["sun"]["vector"], rank["moon"]["vector"])],
         "the mean of two tokens")
    drawn = server.post("/v1/models/trained/candidates", {"num_sampled": 5, "unique": False, "seed": 1}).json()
    total = sum(row["count"] ** 0.75 for row in rows)
    near(drawn["expected"], [5 * rows[i]["count"] ** 0.75 / total for i in drawn["sampled"]], "the model's own sampler")


def main():
    program = os.environ.get("VECMILL")
    if not program:
        print("e2e_models: SKIPPED: VECMILL does not name the program")
        return 77
    folder = tempfile.mkdtemp(prefix="vecmill-e2e-")
    server = Server(program, folder)
    try:
        for test in (test_import, test_card, test_get, test_nested, test_combiners, test_forms, test_words, test_openai,
                     test_search, test_evaluate, test_candidates, test_files):
            test(server)
            print(f"{test.__name__}: ok")
        test_limits(program)
        test_trained(server)
        first = test_versions(server)
        equal(server.stop(), 0, "exit status")
        server = Server(program, folder)
        equal(server.get("/v1/models/switch").json()["version"], first, "the activated version survives a restart")
        deleted = server.ask("DELETE", "/v1/models/switch")
        equal(deleted.json(), {"id": "switch", "object": "model", "deleted": True}, "delete")
        server.error("GET", "/v1/models/switch", None, 404, "model")
        server.error("DELETE", "/v1/models/switch", None, 404, "model")
        equal(server.ask("PUT", "/v1/models/stuck/files/vectors.txt", "1 1\na 1\n").status, 201, "one more")
        version = server.get("/v1/models/stuck").json()["version"]
        equal(server.stop(), 0, "exit status")
        # A file that neither loads nor is damaged stays where it is and is not served; it can be deleted all the same.
        file = os.path.join(folder, "models", "stuck", version, "model.vecmill")
        os.remove(file)
        os.mkdir(file)
        server = Server(program, folder)
        server.error("GET", "/v1/models/stuck", None, 404, "model")
        check(os.path.isdir(file), "what may load another day is kept")
        equal(server.ask("DELETE", "/v1/models/stuck?now=1").status, 422, "an unknown query key")
        equal(server.ask("DELETE", "/v1/models/stuck").json(), {"id": "stuck", "object": "model", "deleted": True}, "delete")
        check(not os.path.exists(os.path.join(folder, "models", "stuck")), "gone from the disk")
        error = server.error("DELETE", "/v1/models/wid", None, 404, "model")
        equal((error["code"], error["suggestions"]), ("model_not_found", ["wide"]), "suggestions")
        equal(server.stop(), 0, "exit status")
        log = "".join(server.lines)
        equal([log.count(word) for word in ("listening on", "stopping", "stopped")], [1, 1, 1], "each said once")
        left = [name for _, folders, files in os.walk(folder) for name in folders + files if name.startswith(".tmp-")]
        equal(left, [], "temporary files left behind")
        print(f"e2e_models: {models_client.CHECKS} checks passed")
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
