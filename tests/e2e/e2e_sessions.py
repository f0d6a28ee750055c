#!/usr/bin/env python3
"""Sessions: the commands of docs/recommenders.md as they stand, in one shell, against a running
server; the figures of `eval --set next-item`, of the route and of what `recommend` answers must be
the same. VECMILL names the program."""

import gzip
import json
import math
import os
import random
import re
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
from models_client import Server, check, equal, near
import models_client

VECMILL = os.environ["VECMILL"]


def run(*arguments, data=None, status=0):
    done = subprocess.run(
        [VECMILL, *arguments], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    equal(done.returncode, status, f"vecmill {arguments}: {done.stderr.decode()}")
    return done.stdout.decode() if status == 0 else done.stderr.decode()


def page(server, folder):
    """Runs the page; each block must succeed."""
    with open(os.path.join(ROOT, "docs", "recommenders.md"), encoding="utf-8") as file:
        text = file.read()
    blocks = re.findall(r"<!-- run -->\n```sh\n(.*?)```", text, re.S)
    equal(len(blocks), text.count("```sh"), "blocks of the page that are run")
    check(len(blocks) >= 6, "few blocks")
    os.makedirs(os.path.join(folder, "bin"), exist_ok=True)
    os.symlink(VECMILL, os.path.join(folder, "bin", "vecmill"))
    script = "set -eu\n" + "\n".join(blocks).replace(":8080", f":{server.port}")
    environment = {**os.environ, "PATH": os.path.join(folder, "bin") + ":" + os.environ["PATH"]}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    equal(done.returncode, 0, f"the page: {done.stderr.decode()[-2000:]}")
    printed = done.stdout.decode()
    check("hit rate at 10" in printed and '"recommendations":[' in printed, printed)
    return printed


def figures_of(answers, sessions, k):
    """What recommend found, counted here."""
    hits = ranks = gains = 0
    shown = set()
    for found, session in zip(answers, sessions):
        words = [row["word"] for row in found["recommendations"]][:k]
        shown.update(words)
        if session[-1] in words:
            rank = 1 + words.index(session[-1])
            hits, ranks, gains = hits + 1, ranks + 1 / rank, gains + 1 / math.log2(1 + rank)
    return hits, ranks, gains, len(shown)


def check_figures(server, folder):
    """One truth: by recommend, by the command, by the route, text, NDJSON and compressed."""
    with open(os.path.join(folder, "test.txt"), encoding="utf-8") as file:
        sessions = [line.split() for line in file]
    words = server.get("/v1/models/shop/words?limit=1000").json()["data"]
    known = {row["word"] for row in words}
    asked = [s for s in sessions if any(item in known for item in s[:-1])]
    body = "\n".join(map(" ".join, sessions)).encode()
    lines = "\n".join(json.dumps({"tokens": s, "user": 7}) for s in sessions).encode()
    model = os.path.join(folder, "model")
    run("import", os.path.join(folder, "shop.txt"), "--output", model)
    packed = os.path.join(folder, "test.ndjson.gz")
    with gzip.open(packed, "wb") as file:
        file.write(lines)
    for options in (
        {},
        {"history": "all", "k": 3},
        {"history": 2, "decay": 0.5, "repeat": True},
        {"among": 100},
    ):
        query = "&".join(f"{name}={str(value).lower()}" for name, value in options.items())
        path = f"/v1/models/shop/evaluate?set=next-item&{query}"
        report = server.post(path, body, headers={"Content-Type": "text/plain"}).json()
        k = options.get("k", 10)
        document = {"sessions": [s[:-1] for s in asked], **options, "k": k}
        answers = server.post("/v1/models/shop/recommend", document).json()["results"]
        hits, ranks, gains, shown = figures_of(answers, asked, k)
        equal((report["sessions"], report["asked"]), (500, len(asked)), "sessions")
        equal((report["hits"], report["recommended"]), (hits, shown), f"hits {options}")
        near([report["hit_rate"]], [hits / len(asked)], "hit rate", 1e-6)
        near([report["mrr"]], [ranks / len(asked)], "mrr", 1e-6)
        near([report["ndcg"]], [gains / len(asked)], "ndcg", 1e-6)
        near([report["coverage"]], [shown / report["catalogue"]], "coverage", 1e-6)
        equal(report["unknown_targets"], sum(s[-1] not in known for s in asked), "unknown")
        check(hits > 20, f"no better than chance: {report}")
        again = server.post(path, lines, headers={"Content-Type": "application/x-ndjson"}).json()
        equal(again, report, "NDJSON")
        equal(server.post(path + "&format=ndjson", lines).json(), report, "format=ndjson")
        given = []
        for name, value in options.items():
            given += ["--" + name] + ([] if value is True else [str(value)])
        told = json.loads(run("eval", model, packed, "--set", "next-item", "--json", *given))
        for name in ("hits", "asked", "skipped", "recommended", "unknown_targets", "history"):
            equal(told[name], report[name], f"{name} of the command, {options}")


def check_refusals(server):
    path = "/v1/models/shop/evaluate?set="
    for query, body, key, text in (
        ("next-item&k=0", b"a b", "k", "between 1 and"),
        ("next-item&history=-1", b"a b", "history", "between 0 and"),
        ("next-item&decay=1.5", b"a b", "decay", "between 0 and 1"),
        ("next-item&score=dot", b"a b", "score", "cosine"),
        ("next-item&method=add", b"a b", "method", "set=analogies"),
        ("next-item", b"a\nb\n", None, "no session has two items"),
        ("similarity&history=3", b"a b 1", "history", "set=next-item"),
        ("analogies&repeat=true", b": s\na b c d", "repeat", "set=next-item"),
    ):
        server.error("POST", path + query, body, 422, key, text)
    server.error("POST", path + "next-item&format=ndjson", b'["a"', 400, None, "line 1")
    recommend = "/v1/models/shop/recommend"
    for body, key, text in (
        ({}, "items", "give items"),
        ({"items": ["d3-0"], "sessions": [["d3-0"]]}, "items", "give items"),
        ({"items": []}, "items", "1 to"),
        ({"items": "d3-0"}, "items", "a list"),
        ({"sessions": [["d3-0"], [1.5]]}, "sessions/1/0", "a word or an id"),
        ({"items": ["d3-0"], "history": "some"}, "history", "history"),
        ({"items": ["d3-0"], "decay": 2}, "decay", "between 0 and 1"),
    ):
        server.error("POST", recommend, body, 422, key, text)
    server.error("POST", recommend, {"items": ["nobody"], "oov": "error"}, 404, "items/0")
    nothing = server.post(recommend, {"items": ["nobody"]}).json()
    equal((nothing["recommendations"], nothing["missing"]), ([], ["nobody"]), "unknown items")
    pinned = server.post(
        f"/v1/models/shop/versions/{nothing['version']}/recommend", {"items": ["d3-0"], "k": 1}
    ).json()
    equal(len(pinned["recommendations"]), 1, "by version")


def check_command():
    with tempfile.TemporaryDirectory() as folder:
        vectors = os.path.join(folder, "v.txt")
        with open(vectors, "w", encoding="utf-8") as file:
            file.write("a 1 0\nb 1 0.1\nc 1 0.3\nfar -1 0\n")
        model = os.path.join(folder, "m")
        run("import", vectors, "--output", model)
        equal(run("recommend", model, "--k", "2", data=b"a\n\nc a\n"),
              "b\t0.9950\nc\t0.9578\n\nb\t0.9950\nfar\t-1.0000\n", "recommend")
        told = run("recommend", model, "-", "--k", "1", "--json", "--format", "ndjson",
                   data=b'["a", "x"]\n{"tokens": ["b"]}\n')
        rows = [json.loads(line) for line in told.splitlines()]
        equal(rows[0]["items"] + [rows[0]["unknown"]], ["a", 1], "items")
        equal([row["recommendations"][0]["item"] for row in rows], ["b", "a"], "items found")
        for arguments, status, data, text in (
            (["recommend", model, "--score", "output"], 1, b"a", "it was imported"),
            (["recommend", model], 1, b"x", "knows no item"),
            (["recommend", model], 1, b"", "there is no session"),
            (["recommend", model, "--history", "few"], 2, b"a", "history"),
            (["recommend", model, folder + "/none"], 1, b"", "cannot open"),
            (["eval", model, vectors, "--set", "next-item", "--decay", "2"], 2, b"", "decay"),
        ):
            said = run(*arguments, data=data, status=status)
            check(text in said, f"{arguments}: {said}")


def digest(model):
    return run("lookup", model, *(f"w{i}" for i in range(30)))


def check_whole_sessions(server):
    """window = all is the fixed window that the longest session needs, to the bit, as long as one
    chunk holds the text; and it reaches from one end of a session to the other."""
    with tempfile.TemporaryDirectory() as folder:
        corpus, model = os.path.join(folder, "c.txt"), os.path.join(folder, "m")
        draw = random.Random(3)
        with open(corpus, "w", encoding="utf-8") as file:
            for length in [12] + [draw.randint(1, 12) for _ in range(99)]:
                words = [f"w{min(29, int(draw.expovariate(0.1)))}" for _ in range(length)]
                file.write(" ".join(words) + "\n")
        for more in ([], ["--architecture", "cbow", "--cbow-gradient", "whole"],
                     ["--exact-negatives", "true"],
                     ["--objective", "sampled_softmax"], ["--kernel", "portable"]):
            found = []
            for window in (["all"], ["0"], ["11", "--dynamic-window", "false"]):
                run("train", corpus, "--output", model, "--threads", "1", "--dim", "20",
                    "--min-count", "1", "--epochs", "3", "--sample", "0", "--progress", "none",
                    "--window", *window, *more)
                found.append(digest(model))
            check(found[0] == found[1] == found[2], f"window = all {more}")
        with open(corpus, "w", encoding="utf-8") as file:
            for i in range(3000):
                inside = " ".join(f"f{draw.randrange(200)}" for _ in range(40))
                file.write(f"a{i % 20} {inside} b{i % 20}\n")
        done = subprocess.run(
            [VECMILL, "train", corpus, "--output", model, "--threads", "1", "--dim", "20",
             "--epochs", "20", "--window", "all", "--window-most", "41", "--progress", "none"],
            stderr=subprocess.PIPE, check=True)
        check(b"longer than" not in done.stderr, done.stderr)
        near_a = [run("nearest", model, f"a{i}", "--k", "1").split("\t")[0] for i in range(20)]
        check(sum(near_a[i] == f"b{i}" for i in range(20)) >= 15, f"far partners: {near_a}")
        done = subprocess.run(
            [VECMILL, "train", corpus, "--output", model, "--threads", "1", "--dim", "20",
             "--epochs", "1", "--window", "all", "--window-most", "30", "--progress", "none"],
            stderr=subprocess.PIPE, check=True)
        check(b"of 3000 sentences longer than 31 words" in done.stderr, done.stderr)
    answer = server.ask("POST", "/v1/jobs", {"corpus": "none", "model": "x",
                                            "settings": {"window": "whole"}})
    check(answer.status == 422 and b'\\"all\\"' in answer.body, answer.body)
    rows = {row["name"]: row for row in server.get("/v1/settings").json()["settings"]}
    equal((rows["window"]["minimum"], rows["noise_power"]["minimum"]), (0, -1), "bounds")


def check_weights(server):
    """A weight of 2 is the line twice, to the bit; by command and by upload."""
    with tempfile.TemporaryDirectory() as folder:
        draw = random.Random(4)
        rows = [[f"w{draw.randrange(30)}" for _ in range(6)] for _ in range(200)]
        found = []
        for weighted in (True, False):
            corpus, model = os.path.join(folder, "c.ndjson"), os.path.join(folder, "m")
            with open(corpus, "w", encoding="utf-8") as file:
                for i, row in enumerate(rows):
                    document = {"tokens": row, "user": i, **({"weight": i % 3} if weighted else {})}
                    for _ in range(1 if weighted else i % 3):
                        file.write(json.dumps(document) + "\n")
            run("train", corpus, "--output", model, "--threads", "1", "--dim", "20", "--epochs",
                "3", "--progress", "none")
            found.append(digest(model))
            with open(corpus, "rb") as file:
                told = server.ask("PUT", f"/v1/corpora/w{weighted}", file.read(),
                                  {"Content-Type": "application/x-ndjson"})
            equal((told.status, told.json()["skipped"]), (201, 67 if weighted else 0), told.body)
        check(found[0] == found[1], "weights")
        digests = [server.get(f"/v1/corpora/w{weighted}").json()["digest"] for weighted in (1, 0)
                   for weighted in [bool(weighted)]]
        equal(digests[0], digests[1], "the text as it is kept")
        bad = server.ask("PUT", "/v1/corpora/bad?weight_field=n", b'{"text": "a b", "n": 1001}',
                         {"Content-Type": "application/x-ndjson"})
        check(bad.status in (400, 422) and b"max_weight" in bad.body, bad.body)
        equal(server.ask("GET", "/v1/corpora/bad").status, 404, "nothing stays of it")


def check_contexts():
    """A context reaches every item of its session, and stands between no two of them: with windows
    of one word, items of one user come near each other, and users are answered with theirs."""
    with tempfile.TemporaryDirectory() as folder:
        draw = random.Random(5)
        corpus, model = os.path.join(folder, "c.txt"), os.path.join(folder, "m")
        with open(corpus, "w", encoding="utf-8") as file:
            for i in range(2000):
                kind = i % 10
                items = [f"i{kind}x{draw.randrange(5)}" for _ in range(4)]
                noise = [f"f{draw.randrange(100)}" for _ in range(4)]
                both = [word for pair in zip(items, noise) for word in pair]
                file.write(" ".join([noise[0], f"user:{kind}", noise[1]] + both) + "\n")
        def train(*more, status=0):
            return run("train", corpus, "--output", model, "--threads", "1", "--dim", "20",
                       "--epochs", "10", "--window", "1", "--progress", "none", *more,
                       status=status)
        def near():
            return sum(run("nearest", model, f"i{i}x0", "--k", "1").startswith(f"i{i}x")
                       for i in range(10))
        train()
        without = near()
        train("--context-prefix", "user:")
        check(near() >= 9 and without <= 5, f"items of a user: {near()}, without {without}")
        users = "".join(f"user:{i}\n" for i in range(10)).encode()
        told = run("recommend", model, "--k", "1", "--prefix", "i", "--score", "output", "--json",
                   data=users)
        best = [json.loads(line)["recommendations"][0]["item"] for line in told.splitlines()]
        check(sum(best[i].startswith(f"i{i}x") for i in range(10)) >= 9, f"by user: {best}")
        plan = json.loads(run("plan", corpus, "--json", "--seconds", "0.1"))
        check("vocabulary" in plan, plan)
        said = train("--context-prefix", "nobody:", status=1)
        check("no word of the vocabulary begins with context_prefix 'nobody:'" in said, said)


def check_questions(server, folder):
    """A set that stands beside a corpus, and a job that stops by it."""
    with open(os.path.join(folder, "questions.txt"), "rb") as file:
        text = file.read()
    corpus = server.get("/v1/corpora").json()["data"][0]["name"]
    stored = server.ask("PUT", f"/v1/corpora/{corpus}/questions/visits", text,
                        {"Content-Type": "text/plain"})
    equal(stored.status, 201, stored.body)
    told = stored.json()
    equal((told["set"], told["questions"]), ("next-item", 500), "the set")
    settings = {"epochs": 4, "min_count": 2, "questions": "visits", "threads": 1, "window": "all",
                "noise_power": -0.5, "sampler": "unigram", "sampler_power": -0.5}
    job = server.post("/v1/jobs", {"corpus": corpus, "model": "asked", "settings": settings},
                      status=202).json()["id"]
    server.service.call("GET", f"/v1/jobs/{job}/events")
    done = server.get(f"/v1/jobs/{job}").json()
    equal(done["state"], "succeeded", done)
    equal(done["evaluation"]["score_set"], "next-item", done["evaluation"])
    report = server.post("/v1/models/asked/evaluate?set=next-item", text).json()
    near([done["score"]], [report["hit_rate"]], "score", 1e-6)
    equal(server.get("/v1/models/asked").json()["training"]["score_set"], "next-item", "card")


def main():
    with tempfile.TemporaryDirectory() as folder:
        server = Server(os.path.join(folder, "data"))
        try:
            page(server, folder)
            text = server.get("/v1/models/shop/files/vectors.txt").body
            with open(os.path.join(folder, "shop.txt"), "wb") as file:
                file.write(text)
            check_figures(server, folder)
            check_refusals(server)
            check_questions(server, folder)
            check_command()
            check_whole_sessions(server)
            check_weights(server)
            check_contexts()
        finally:
            server.close()
    print(f"e2e_sessions: {models_client.CHECKS} checks passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
