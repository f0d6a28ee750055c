#!/usr/bin/env python3
"""Pairs beside a corpus: a corpus of their own over HTTP, a file on the command line; what became
of them is told by summary, job, plan and card. VECMILL names the program."""

import gzip
import json
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from service import Service, check, expect, run_tests

PROGRAM = os.environ["VECMILL"]
LINES = b"w1\tw2\t2\nw3 w4\nw5\tnobody\nw6\tw6\nw7\tw8\t0\n"
COUNTS = {"pairs": 5, "used": 2, "unknown": 1, "same": 1, "weightless": 1}
SETTINGS = dict(dim=10, min_count=1, threads=1, pairs="p", pairs_share=0.25, sample=0, epochs=2)


def text_of(words):
    """w0 to w99, the first ones often."""
    draw = random.Random(5)
    names = ("w%d" % int(100 ** draw.random()) for _ in range(words))
    return (" ".join(names) + "\n").encode()


def counts_of(pairs):
    return {name: pairs[name] for name in COUNTS}


def post(s, settings, model="m"):
    return s.post("/v1/jobs", {"corpus": "c", "model": model, "settings": settings})


def pairs_of_a_job():
    with Service() as s:
        expect(s.put("/v1/corpora/c", text_of(3000)), 201)
        a = expect(post(s, SETTINGS), 422)
        check(a.json["errors"][0]["pointer"] == "#/settings/pairs", a)
        check("no corpus 'p'" in a.json["detail"] and "/v1/corpora/" in a.json["detail"], a)
        expect(s.post("/v1/plan", {"corpus": "c", "settings": SETTINGS}), 422)
        where = "/v1/models/t/train?corpus=c&pairs=nowhere"
        expect(s.post(where, b"a b\n", headers={"Content-Type": "text/plain"}), 422, "pairs")
        packed = {"Content-Encoding": "gzip"}
        expect(s.put("/v1/corpora/p", gzip.compress(LINES), headers=packed), 201)
        plan = expect(s.post("/v1/plan", {"corpus": "c", "settings": SETTINGS}), 200).json
        check(counts_of(plan["pairs"]) == COUNTS and plan["pairs"]["share"] == 0.25, plan["pairs"])
        check(plan["settings"]["pairs"] == "p", plan["settings"])
        bare = dict(SETTINGS, pairs="none")
        alone = expect(s.post("/v1/plan", {"corpus": "c", "settings": bare}), 200).json
        check(alone["pairs"] is None, alone)
        check(alone["memory"]["needed"] < plan["memory"]["needed"], alone["memory"], plan["memory"])
        id = expect(post(s, SETTINGS), 202).json["id"]
        job = s.wait(id, "succeeded")
        check(counts_of(job["pairs"]) == COUNTS, job["pairs"])
        share = 2 * job["pairs"]["trained"] / (2 * job["pairs"]["trained"] + job["words"])
        check(abs(share - 0.25) < 0.005, share, job)
        check(job["settings"]["pairs"] == "p", job["settings"])
        card = s.get("/v1/models/m").json
        check(card["settings"]["pairs"] == "p", card["settings"])
        training = card["training"]
        check(training["pairs_used"] == 2 and training["pairs_left_out"] == 3, training)
        check(training["pairs_trained"] == job["pairs"]["trained"], training, job["pairs"])
        s.stop()
        s.start()
        check(s.job(id)["pairs"] == job["pairs"], s.job(id)["pairs"])
        check(s.wait(expect(post(s, bare), 202).json["id"], "succeeded")["pairs"] is None, "pairs")


def pairs_that_are_none():
    """Each fails by name, and leaves no model."""
    with Service() as s:
        expect(s.put("/v1/corpora/c", text_of(800)), 201)
        for text, says in (
            (b"w1 w2\nw1\n", "line 2 of the pairs is no pair"),
            (b"w1 w2 -3\n", "line 1 of the pairs has the weight '-3'"),
            (b"x y\ny x\n", "none of the 2 pairs can be used"),
        ):
            expect(s.put("/v1/corpora/p", text, headers={"Content-Type": "text/plain"}), 201)
            job = s.wait(expect(post(s, SETTINGS), 202).json["id"], "failed")
            check(job["error"]["key"] == "pairs" and says in job["error"]["detail"], job["error"])
            plan = expect(s.post("/v1/plan", {"corpus": "c", "settings": SETTINGS}), 200).json
            check(not plan["trainable"] and says in plan["refusal"]["detail"], plan["refusal"])
        expect(s.get("/v1/models/m"), 404)
        ndjson = {"Content-Type": "application/x-ndjson"}
        expect(s.put("/v1/corpora/p", b'{"text":"a b"}\n', headers=ndjson), 201)
        check("NDJSON" in expect(post(s, SETTINGS), 422).json["detail"], "NDJSON")
        for bad in (0, 0.96, 2, "much"):
            expect(post(s, dict(SETTINGS, pairs_share=bad)), 422, "pairs_share")


def a_job_keeps_its_pairs():
    """They are replaced and the server is killed while it trains: the model is the same."""
    settings = dict(SETTINGS, epochs=300, checkpoint_interval=0.05)
    models = []
    for disturbed in (False, True):
        with Service() as s:
            expect(s.put("/v1/corpora/c", text_of(3000)), 201)
            expect(s.put("/v1/corpora/p", LINES, headers={"Content-Type": "text/plain"}), 201)
            id = expect(post(s, settings), 202).json["id"]
            if disturbed:
                expect(s.delete("/v1/corpora/p"), 409)
                text = {"Content-Type": "text/plain"}
                expect(s.put("/v1/corpora/p", b"w9 w1\n", headers=text), 201)
                s.kill()
                s.start()
            job = s.wait(id, "succeeded")
            check(counts_of(job["pairs"]) == COUNTS, job["pairs"])
            models.append(expect(s.get("/v1/models/m/files/model.safetensors"), 200).body)
            expect(s.delete("/v1/corpora/p"), 204)
    check(models[0] == models[1], "the model is another one")


def on_the_command_line():
    with tempfile.TemporaryDirectory() as folder:
        path = lambda name: os.path.join(folder, name)
        for name, text in (("c", text_of(3000)), ("p.gz", gzip.compress(LINES))):
            with open(path(name), "wb") as file:
                file.write(text)
        options = ["--min-count", "1", "--threads", "1", "--pairs", path("p.gz")]
        run = lambda *words: subprocess.run(
            [PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder
        )
        done = run("train", "c", "--output", "m", "--progress", "none", *options)
        check(done.returncode == 0, done)
        says = b"pairs: 2 of 5 used, drawn "
        check(says in done.stdout and b"1 of a word with itself" in done.stdout, done.stdout)
        done = run("train", "c", "--output", "m2", "--progress", "json", *options)
        last = json.loads(done.stdout.splitlines()[-1])
        check(counts_of(last["pairs"]) == COUNTS and last["pairs"]["trained"] > 0, last)
        done = run("plan", "c", "--seconds", "0", *options)
        check(b"2 of 5 can be used" in done.stdout, done.stdout)
        done = run("train", "c", "--output", "m3", "--pairs", path("none-such"))
        check(done.returncode != 0 and b"none-such" in done.stderr, done)
        check(not os.path.exists(path("m3/model.vecmill")), os.listdir(folder))


if __name__ == "__main__":
    sys.exit(
        run_tests([pairs_of_a_job, pairs_that_are_none, a_job_keeps_its_pairs, on_the_command_line])
    )
