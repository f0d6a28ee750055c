#!/usr/bin/env python3
"""Questions of people as they come: null members, words that are not known, echoes, pairs files of
every make, texts for OpenAI's call, requests without a length. VECMILL names the program."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from models_client import run_against_samples, E, check, cosine, equal, near

TABLE = "/v1/models/table"


def test_null(server):
    """null is what clients send for what they do not set."""
    for path, body in (
        (TABLE + "/embeddings", {"words": ["king"], "ids": None, "weights": None, "max_norm": None}),
        (TABLE + "/embeddings", {"ids": [0], "words": None, "combiner": None, "oov": None}),
        (TABLE + "/neighbors", {"queries": [{"word": "king", "id": None}], "k": None}),
        (
            TABLE + "/neighbors",
            {
                "queries": [{"positive": None, "negative": ["king"], "vector": None}],
                "among": None,
                "oov": None,
            },
        ),
        (
            TABLE + "/analogy",
            {"positive": ["king"], "negative": None, "k": None, "method": None, "among": None},
        ),
        (TABLE + "/similarity", {"pairs": [["king", "man"]], "oov": None}),
        (TABLE + "/odd-one-out", {"words": [0, 1, 2], "oov": None}),
        (TABLE + "/candidates", {"num_sampled": 2, "unique": None, "true": None, "seed": None}),
        (
            "/v1/embeddings",
            {
                "model": "table",
                "input": "king",
                "encoding_format": None,
                "dimensions": None,
                "user": None,
                "oov": None,
                "metadata": None,
            },
        ),
    ):
        with_null = server.post(path, body).json()
        plain = {
            name: [
                {key: item for key, item in entry.items() if item is not None}
                if isinstance(entry, dict)
                else entry
                for entry in value
            ]
            if isinstance(value, list)
            else value
            for name, value in body.items()
            if value is not None
        }
        equal(with_null, server.post(path, plain).json(), f"{path} with null and without")
    for path, body, status, param in (
        (TABLE + "/neighbors", {"queries": None}, 422, "queries"),
        (TABLE + "/neighbors", {"queries": [{"word": None}]}, 422, "queries/0"),
        (TABLE + "/analogy", {"positive": None}, 422, "positive"),
        (TABLE + "/similarity", {"pairs": None}, 422, "pairs"),
        (TABLE + "/odd-one-out", {"words": None}, 422, "words"),
        (TABLE + "/candidates", {"num_sampled": None}, 422, "num_sampled"),
        (TABLE + "/embeddings", {"words": None, "ids": None}, 422, "words"),
        ("/v1/embeddings", {"model": None, "input": "king"}, 400, "model"),
        ("/v1/embeddings", {"model": "table", "input": None}, 400, "input"),
    ):
        error = server.error("POST", path, body, status, param)
        if param not in ("queries/0",) and body != {"words": None, "ids": None}:
            check("is missing" in error["message"], f"{path} {body}: {error}")
    for body, pointer in (
        ({"corpus": None, "model": "m"}, "#/corpus"),
        ({"corpus": "c", "model": None, "settings": None}, "#/model"),
    ):
        answer = server.ask("POST", "/v1/jobs", body)
        equal(answer.status, 422, f"job {body}")
        equal(answer.json()["errors"][0]["pointer"], pointer, "what the job misses")
    body = {"corpus": "none", "model": "m", "settings": {"dim": None, "threads": None}}
    equal(server.ask("POST", "/v1/jobs", body).status, 404, "a job with null settings")


def test_echo(server):
    queries = [
        ({"word": "man"}, {"word": "man", "id": 2}),
        ({"id": 2}, {"word": "man", "id": 2}),
        ({"vector": [1, 2.5]}, {"vector": [1, 2.5]}),
        ({"negative": ["king"]}, {"positive": [], "negative": ["king"]}),
        ({"negative": ["king", 1]}, {"positive": [], "negative": ["king", "queen"]}),
        ({"positive": ["king"]}, {"positive": ["king"], "negative": []}),
        (
            {"positive": ["king", 3], "negative": [2]},
            {"positive": ["king", "woman"], "negative": ["man"]},
        ),
    ]
    body = {"queries": [query for query, _ in queries]}
    answer = server.post(TABLE + "/neighbors", body).json()
    equal(answer["missing"], [], "nothing is missing")
    for index, (result, (_, wanted)) in enumerate(zip(answer["results"], queries)):
        equal((result["index"], result["query"]), (index, wanted), "echo of a query")
    result = answer["results"][3]["neighbors"]
    near([result[0]["score"]], [max(-cosine(E[0], E[i]) for i in (1, 2, 3))], "against king")
    answer = server.post(TABLE + "/analogy", {"positive": ["king"], "negative": [1]}).json()
    equal(answer["query"], {"positive": ["king"], "negative": ["queen"]}, "echo of an analogy")


def test_oov(server):
    path = TABLE + "/neighbors"
    queries = [
        {"word": "nobody"},
        {"word": "king"},
        {"positive": ["king", "none"], "negative": ["nil"]},
        {"negative": ["nil"]},
    ]
    server.error("POST", path, {"queries": queries}, 404, "queries/0/word", "no word 'nobody'")
    server.error(
        "POST", path, {"queries": queries, "oov": "error"}, 404, "queries/0/word", "no word"
    )
    server.error("POST", path, {"queries": queries, "oov": "zero"}, 422, "oov", "error|skip")
    answer = server.post(path, {"queries": queries, "oov": "skip"}).json()
    equal(answer["missing"], ["nobody", "none", "nil", "nil"], "what was skipped")
    equal(
        [(result["index"], result["query"]) for result in answer["results"]],
        [(1, {"word": "king", "id": 0}), (2, {"positive": ["king"], "negative": []})],
        "what is left",
    )
    equal(
        [result["neighbors"] for result in answer["results"]],
        [server.get(path + "?word=king").json()["neighbors"]] * 2,
        "and its neighbours",
    )
    answer = server.post(path, {"queries": [{"word": "nil"}], "oov": "skip"}).json()
    equal((answer["k"], answer["results"], answer["missing"]), (0, [], ["nil"]), "nothing left")
    server.error("POST", path, {"queries": [{"id": 9}], "oov": "skip"}, 422, "queries/0/id")
    server.error("GET", path + "?word=nil", None, 404, "word")
    server.error("GET", path + "?word=nil&oov=zero", None, 422, "oov", "error|skip")
    answer = server.get(path + "?word=nil&oov=skip").json()
    equal((answer["neighbors"], answer["missing"]), ([], ["nil"]), "GET skips")
    equal(server.get(path + "?word=man&oov=skip").json()["missing"], [], "GET finds")

    path = TABLE + "/similarity"
    body = {"pairs": [["king", "nil"], ["king", "queen"], ["nil", "zip"], [2, 3]]}
    server.error("POST", path, body, 404, "pairs/0/1")
    answer = server.post(path, {**body, "oov": "skip"}).json()
    equal(answer["missing"], ["nil", "nil", "zip"], "pairs without a vector")
    equal([entry["index"] for entry in answer["data"]], [1, 3], "pairs that are left")
    near(
        [entry["similarity"] for entry in answer["data"]],
        [cosine(E[0], E[1]), cosine(E[2], E[3])],
        "their cosines",
    )
    answer = server.post(path, {**body, "oov": "zero"}).json()
    equal(
        [(entry["pair"], entry["similarity"]) for entry in answer["data"]][::2],
        [(["king", "nil"], 0), (["nil", "zip"], 0)],
        "a zero vector has cosine 0",
    )
    equal(answer["missing"], ["nil", "nil", "zip"], "and is told")

    path = TABLE + "/odd-one-out"
    body = {"words": ["nil", "king", "woman", "zip", "man"]}
    server.error("POST", path, body, 404, "words/0")
    server.error("POST", path, {**body, "oov": "zero"}, 422, "oov", "error|skip")
    answer = server.post(path, {**body, "oov": "skip"}).json()
    equal((answer["word"], answer["index"]), ("woman", 2), "the place in the request")
    equal((len(answer["scores"]), answer["missing"]), (3, ["nil", "zip"]), "what counted")
    server.error(
        "POST", path, {"words": ["nil", "king", "man"], "oov": "skip"}, 422, "words", "not 2"
    )

    path = TABLE + "/analogy"
    body = {"positive": ["king", "nil", "man"], "negative": ["queen", "zip"]}
    server.error("POST", path, body, 404, "positive/1")
    answer = server.post(path, {**body, "oov": "skip"}).json()
    equal(answer["missing"], ["nil", "zip"], "an analogy without them")
    equal(
        answer["neighbors"],
        server.post(path, {"positive": ["king", "man"], "negative": ["queen"]}).json()["neighbors"],
        "is the same as if they had not been there",
    )
    answer = server.post(path, {"positive": ["nil"], "oov": "skip"}).json()
    equal((answer["neighbors"], answer["missing"]), ([], ["nil"]), "nothing to go by")


if __name__ == "__main__":
    sys.exit(run_against_samples([test_null, test_echo, test_oov]))
