#!/usr/bin/env python3
"""Neighbours, analogies, evaluation and candidates against the running program, beside plain
arithmetic. VECMILL names the program."""

import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from models_client import run_against_samples, E, check, cosine, equal, near


def test_search(server):
    path = "/v1/models/table"
    ranked = sorted(range(1, 4), key=lambda i: -cosine(E[0], E[i]))
    answer = server.get(path + "/neighbors?word=king&k=3").json()
    equal((answer["k"], answer["query"]), (3, {"word": "king", "id": 0}), "query of neighbours")
    equal([entry["id"] for entry in answer["neighbors"]], ranked, "neighbours of king")
    near(
        [entry["score"] for entry in answer["neighbors"]],
        [cosine(E[0], E[i]) for i in ranked],
        "scores",
    )
    equal(
        server.get(path + "/neighbors?id=0&k=2").json()["neighbors"],
        answer["neighbors"][:2],
        "by id",
    )
    answer = server.get(path + "/neighbors?word=king&k=500").json()
    equal((answer["k"], len(answer["neighbors"])), (3, 3), "k is cut to what there is, and said so")
    answer = server.get(path + "/neighbors?word=king&among=2").json()
    equal([entry["id"] for entry in answer["neighbors"]], [1], "among")
    queries = [
        {"word": "king"},
        {"id": 1},
        {"vector": [1, 2]},
        {"positive": ["king", "man"], "negative": [1]},
    ]
    results = server.post(path + "/neighbors", {"queries": queries, "k": 4}).json()["results"]
    equal(
        [len(result["neighbors"]) for result in results],
        [3, 3, 4, 1],
        "the query's own words are left out",
    )
    equal(
        results[0]["neighbors"],
        server.get(path + "/neighbors?word=king").json()["neighbors"],
        "batch and single agree",
    )
    equal(results[2]["neighbors"][0]["word"], "king", "a vector finds its own word")
    equal(results[3]["neighbors"][0]["word"], "woman", "positive and negative")
    for body, param, text in (
        ({"queries": []}, "queries", "between 1"),
        ({}, "queries", "missing"),
        ({"queries": [{"word": "king"}], "k": 0}, "k", "between 1 and 1000, not 0"),
        ({"queries": [{"word": "king"}], "k": 1001}, "k", "not 1001"),
        ({"queries": [{"word": "king"}], "k": "3"}, "k", "whole number"),
        ({"queries": ["king"]}, "queries/0", "object"),
        ({"queries": [{}]}, "queries/0", "exactly one"),
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
        ({"queries": [{"word": "king"}], "mood": 1}, "mood", None),
    ):
        server.error("POST", path + "/neighbors", body, 422, param, text)
    error = server.error(
        "POST",
        path + "/neighbors",
        {"queries": [{"word": "king"}, {"word": "womann"}]},
        404,
        "queries/1/word",
        "did you mean 'woman'",
    )
    equal(error["suggestions"][0], "woman", "suggestion in a batch")
    server.error("GET", path + "/neighbors?word=king&k=0", None, 422, "k", "between 1 and 1000")
    server.error("GET", path + "/neighbors?word=king&k=1001", None, 422, "k")
    server.error("GET", path + "/neighbors?word=king&word=man", None, 422, "word")
    server.error("GET", path + "/neighbors", None, 422, "word")
    server.error(
        "GET", "/v1/models/wdie/neighbors?word=king", None, 404, "model", "no model 'wdie'"
    )
    for method in ("add", "mul"):
        answer = server.post(
            path + "/analogy",
            {"positive": ["king", "man"], "negative": ["queen"], "k": 3, "method": method},
        ).json()
        equal((answer["k"], answer["method"]), (1, method), "analogy")
        equal(answer["neighbors"][0]["word"], "woman", "analogy leaves out its own words")
    server.error("POST", path + "/analogy", {"negative": ["king"]}, 422, "positive", "missing")
    server.error(
        "POST", path + "/analogy", {"positive": ["king"], "method": "div"}, 422, "method", "add|mul"
    )
    server.error(
        "POST", path + "/analogy", {"positive": ["kinng"]}, 404, "positive/0", "did you mean 'king'"
    )
    answer = server.post(path + "/similarity", {"pairs": [["king", "queen"], ["man", 2]]}).json()[
        "data"
    ]
    equal([entry["pair"] for entry in answer], [["king", "queen"], ["man", "man"]], "pairs")
    near([entry["similarity"] for entry in answer], [cosine(E[0], E[1]), 1], "similarities")
    server.error("POST", path + "/similarity", {"pairs": [["king"]]}, 422, "pairs/0", "two words")
    server.error(
        "POST", path + "/similarity", {"pairs": [["king", "man"], ["king", "x"]]}, 404, "pairs/1/1"
    )
    answer = server.post(path + "/odd-one-out", {"words": ["king", "woman", "man"]}).json()
    equal((answer["word"], answer["index"], len(answer["scores"])), ("woman", 1, 3), "odd one out")
    server.error(
        "POST", path + "/odd-one-out", {"words": ["king", "man"]}, 422, "words", "between 3 and"
    )


def test_evaluate(server):
    path = "/v1/models/table/evaluate"
    questions = (
        ": family\nking queen man woman\nKing Queen Man Woman\n: gram1-x\nking queen man nobody\n"
    )
    answer = server.post(path + "?set=analogies", questions).json()
    equal(
        (answer["set"], answer["among"], answer["answered"], answer["skipped"]),
        ("analogies", 30000, 2, 1),
        "counts",
    )
    equal([section["name"] for section in answer["sections"]], ["family", "gram1-x"], "sections")
    check(answer["sections"][1]["accuracy"] is None, "no answered question, no accuracy")
    equal(
        answer["correct"], answer["semantic"]["correct"] + answer["syntactic"]["correct"], "totals"
    )
    answer = server.post(path + "?set=analogies&among=2", questions).json()
    equal((answer["answered"], answer["skipped"]), (0, 3), "among restricts the questions")
    pairs = "# comment\nking\tqueen\t1\nking\tman\t9\nqueen\twoman\t0.5\nking\tx\t3\n"
    answer = server.post(path + "?set=similarity", pairs).json()
    equal((answer["pairs"], answer["found"]), (4, 3), "coverage")
    scores, gold = [cosine(E[0], E[1]), cosine(E[0], E[2]), cosine(E[1], E[3])], [1, 9, 0.5]
    mean = lambda values: sum(values) / len(values)
    centred = lambda values: [value - mean(values) for value in values]
    near(
        [answer["pearson"], answer["spearman"]],
        [cosine(centred(scores), centred(gold)), 1.0],
        "correlations",
        1e-5,
    )
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
    check(
        server.post(path, {**body, "seed": 6}).json()["sampled"] != answer["sampled"],
        "another seed does not",
    )
    equal((len(answer["sampled"]), answer["num_tries"]), (50, 50), "draws with replacement")
    near(answer["expected"], [50 * probability[i] for i in answer["sampled"]], "expected counts")
    near(
        [entry["expected"] for entry in answer["true"]],
        [50 * probability[i] for i in (0, 7, 7)],
        "of the true ids",
    )
    hits = [
        (row, column)
        for row, true in enumerate((0, 7, 7))
        for column, i in enumerate(answer["sampled"])
        if i == true
    ]
    equal(
        sorted((hit["row"], hit["column"]) for hit in answer["accidental_hits"]),
        sorted(hits),
        "accidental hits",
    )
    answer = server.post(path, {**body, "unique": True}).json()
    equal(len(set(answer["sampled"])), 50, "unique")
    tries = answer["num_tries"]
    check(tries >= 50, "tries")
    near(
        answer["expected"],
        [-math.expm1(tries * math.log1p(-probability[i])) for i in answer["sampled"]],
        "unique counts",
    )
    answer = server.post(path, {"num_sampled": 200, "unique": True}).json()
    equal(sorted(answer["sampled"]), list(range(200)), "all ids")
    for body, param in (
        ({}, "num_sampled"),
        ({"num_sampled": 0}, "num_sampled"),
        ({"num_sampled": 10001}, "num_sampled"),
        ({"num_sampled": 3, "unique": 1}, "unique"),
        ({"num_sampled": 3, "true": [200]}, "true/0"),
        ({"num_sampled": 3, "seed": -1}, "seed"),
        ({"num_sampled": 3, "true": 1}, "true"),
    ):
        server.error("POST", path, body, 422, param)
    equal(
        server.ask("POST", path, {"num_sampled": 201, "unique": True}).status,
        422,
        "more than there are",
    )


if __name__ == "__main__":
    sys.exit(run_against_samples([test_search, test_evaluate, test_candidates]))
