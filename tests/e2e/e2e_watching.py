"""Watching a training over HTTP: losses, held-out sentences, questions, stopping early, NaNs."""

import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from service import Service, check, expect, run_tests, wait_until, zipf_text

import random

FIGURES = """loss loss_error epoch_loss avg_loss total_loss holdout_loss score best gradient_norm
clipped_share row_norm row_norm_max row_norm_word""".split()
PAIRS = b"w1,w2,5\nw3,w9,1\nw5,w6,4\nnone,w3,2\n"
ANALOGIES = b": pairs\nw1 w2 w3 w4\nw5 w6 w7 w8\nx y z q\n"


def noise(lines, seed=3, words=150):
    """Random words: what is learned of some sentences is of no use for others."""
    draw = random.Random(seed)
    return b"".join(
        b" ".join(b"w%d" % draw.randrange(words) for _ in range(12)) + b"\n" for _ in range(lines)
    )


OVERFIT = dict(
    dim=20, min_count=1, threads=1, sample=0, learning_rate=0.2, schedule="constant", holdout=0.2,
    stop_early="holdout_loss", patience=2, epochs=200, evaluate_every=0.5, progress_interval=0.01,
)


def a_question_set_is_stored():
    with Service() as s:
        path = "/v1/corpora/c/questions"
        text = {"Content-Type": "text/plain"}
        expect(s.put(path + "/q", PAIRS, headers=text), 404)
        expect(s.put("/v1/corpora/c", noise(100)), 201)
        check(expect(s.get(path), 200).json["data"] == [], "none yet")
        a = expect(s.put(path + "/q", PAIRS, headers=text), 201)
        check(a.json["set"] == "similarity" and a.json["questions"] == 4, a)
        check(a.headers["Location"] == path + "/q", a.headers)
        a = expect(s.put(path + "/a", ANALOGIES, headers=text), 201)
        check(a.json["set"] == "analogies" and a.json["questions"] == 3, a)
        expect(s.put(path + "/bad", b"nothing to ask\n", headers=text), 400)
        expect(s.put(path + "/none", PAIRS, headers=text), 422)
        check(expect(s.get(path + "/q"), 200).body == PAIRS, "the same bytes")
        names = [row["name"] for row in expect(s.get(path), 200).json["data"]]
        check(names == ["a", "q"], names)
        expect(s.put("/v1/corpora/c", noise(100, seed=4)), 201)  # a new text leaves them alone
        s.kill()
        s.start()
        check(expect(s.get(path + "/q"), 200).body == PAIRS, "after a crash")
        a = s.post("/v1/jobs", {"corpus": "c", "model": "m", "settings": {"questions": "x"}})
        expect(a, 422)
        check("a, q" in a.json["detail"], a)
        check(a.json["errors"][0]["pointer"] == "#/settings/questions", a)
        # Nor does a plan or a training in one call take them, and that one replaces no corpus.
        settings = {"questions": "x"}
        body = {"corpus": "c", "settings": settings}
        check("a, q" in expect(s.post("/v1/plan", body), 422).json["detail"], "a plan")
        before = s.get("/v1/corpora/c").json["digest"]
        for name in (settings["questions"], "/etc/passwd", "../meta.json"):
            where = "/v1/models/m/train?corpus=c&questions=" + name
            for begin in ({}, {"Upload-Complete": "?0"}):
                expect(s.post(where, b"a b\n", headers={**text, **begin}), 422, "questions")
        check(s.get("/v1/corpora/c").json["digest"] == before, "the corpus was replaced")
        expect(s.delete(path + "/q"), 204)
        expect(s.get(path + "/q"), 404)
        expect(s.delete(path + "/q"), 404)


def the_best_rows_are_published():
    with Service() as s:
        expect(s.put("/v1/corpora/c", noise(400)), 201)
        text = {"Content-Type": "text/plain"}
        expect(s.put("/v1/corpora/c/questions/q", PAIRS, headers=text), 201)
        settings = dict(OVERFIT, questions="q")
        a = expect(s.post("/v1/jobs", {"corpus": "c", "model": "m", "settings": settings}), 202)
        events = list(s.events(a.json["id"]))
        job = s.wait(a.json["id"], "succeeded")
        told = [e[2] for e in events if e[1] in ("epoch", "evaluation")]
        evaluated = [e for e in told if e["holdout_loss"] is not None]
        kinds = {e[1] for e in events}
        check({"evaluation", "epoch", "progress", "state"} <= kinds, kinds)
        check(len(evaluated) == job["evaluation"]["evaluations"], evaluated, job["evaluation"])
        best = min(e["holdout_loss"] for e in evaluated)
        check(job["best"] == best or abs(job["best"] - best) < 1e-6, job["best"], best)
        check([e["improved"] for e in evaluated[-3:]] == [True, False, False], evaluated[-3:])
        check(job["stopped"] == "stop_early" and job["epoch"] < 200, job)
        check(all(math.isfinite(e["score"]) and e["score_answered"] == 3 for e in evaluated), told)
        history = expect(s.get("/v1/jobs/%s/history" % job["id"]), 200).json["data"]
        for row in history:
            check(set(FIGURES) <= set(row), row)
        check(len([r for r in history if r["holdout_loss"] is not None]) == len(evaluated), history)
        check(set(FIGURES) <= set(job), job)
        training = expect(s.get("/v1/models/m"), 200).json["training"]
        check(training["stopped"] == "stop_early", training)
        check(abs(training["holdout_loss"] - best) < 1e-6, training, best)
        check(training["best_step"] == job["evaluation"]["best_step"], training, job)
        check(training["score_set"] == "similarity" and training["avg_loss"] > 0, training)
        before = s.job(job["id"])
        s.stop()
        s.start()
        check(s.job(job["id"]) == before, s.job(job["id"]), before)


def a_kill_changes_nothing():
    """The server and its training are killed over and over: the model is the same to the bit."""
    settings = dict(OVERFIT, checkpoint_interval=0.01, patience=12)
    digests = []
    for kills in (0, 3):
        with Service() as s:
            expect(s.put("/v1/corpora/c", noise(1500)), 201)
            a = expect(s.post("/v1/jobs", {"corpus": "c", "model": "m", "settings": settings}), 202)
            id = a.json["id"]
            for at in range(kills):
                seen = lambda: (s.job(id)["evaluation"] or {}).get("evaluations", 0) > 2 * at
                wait_until(lambda: seen() or s.job(id)["state"] == "succeeded", lambda: s.job(id))
                s.kill()
                s.start()
            job = s.wait(id, "succeeded")
            check(job["stopped"] == "stop_early", job)
            a = expect(s.get("/v1/models/m/files/model.safetensors"), 200)
            digests.append((a.body, job["best"], job["evaluation"]))
    check(digests[0] == digests[1], digests[0][1:], digests[1][1:])


def the_first_nan_is_named():
    """The error names table, word and step; the block is a file of the job."""
    settings = dict(
        dim=16, min_count=1, threads=1, guard=False, learning_rate=60, negative=64, sample=0,
        init="tensorflow", bias="learned", epochs=20, nonfinite_dump=True,
    )
    with Service() as s:
        expect(s.put("/v1/corpora/c", zipf_text(20000, words=300)), 201)
        a = expect(s.post("/v1/jobs", {"corpus": "c", "model": "m", "settings": settings}), 202)
        events = list(s.events(a.json["id"]))
        job = s.wait(a.json["id"], "failed")
        detail = job["error"]["detail"]
        check(job["error"]["code"] == "diverged", job["error"])
        check("the first non-finite value is in " in detail and " at step " in detail, detail)
        lines = [e[2]["line"] for e in events if e[1] == "log"]
        check(any("first non-finite value" in line for line in lines), lines)
        dump = expect(s.get("/v1/jobs/%s/nonfinite" % job["id"]), 200)
        lines = [line.split("\t") for line in dump.body.decode().splitlines()]
        step = next(line[1] for line in lines if line[0] == "step")
        check("at step %s," % step in detail, step, detail)
        rows = [line for line in lines if line[0] == "input"]
        check(all(math.isfinite(float(x)) for row in rows for x in row[5:]), rows)
        check(len([line for line in lines if line[0] == "centre"]) in range(1, 17), lines)
        settings["nonfinite_dump"] = False
        a = expect(s.post("/v1/jobs", {"corpus": "c", "model": "m", "settings": settings}), 202)
        s.wait(a.json["id"], "failed")
        a = expect(s.get("/v1/jobs/%s/nonfinite" % a.json["id"]), 404)
        check("nonfinite_dump" in a.json["detail"], a)


def what_cannot_be_watched_is_refused():
    with Service() as s:
        expect(s.put("/v1/corpora/c", noise(50)), 201)
        for settings, key in (
            (dict(stop_early="holdout_loss"), "#/settings/holdout"),
            (dict(stop_early="score"), "#/settings/questions"),
            (dict(holdout=0.9), "#/settings/holdout"),
            (dict(patience=0), "#/settings/patience"),
        ):
            a = s.post("/v1/jobs", {"corpus": "c", "model": "m", "settings": settings})
            expect(a, 422)
            check(a.json["errors"][0]["pointer"] == key, a)
        expect(s.put("/v1/corpora/one", b"one line only of few words\n"), 201)
        a = s.post("/v1/jobs", {"corpus": "one", "model": "m", "settings": {"holdout": 0.1,
                                                                           "min_count": 1}})
        job = s.wait(expect(a, 202).json["id"], "failed")
        check(job["error"]["key"] == "holdout", job["error"])


if __name__ == "__main__":
    sys.exit(
        run_tests(
            [
                a_question_set_is_stored,
                the_best_rows_are_published,
                a_kill_changes_nothing,
                the_first_nan_is_named,
                what_cannot_be_watched_is_refused,
            ]
        )
    )
