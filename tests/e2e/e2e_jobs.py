"""Jobs against the built program: training, streams, transitions, restarts, refusals."""

import json
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from service import PATIENCE, expect, sha, Service, check, run_tests, wait_until, zipf_text

TEXT = zipf_text(1200000)
SMALL = zipf_text(60000, seed=2, words=300)
QUICK = dict(dim=16, epochs=1, negative=5, min_count=1)
LONG = dict(dim=64, epochs=100000, negative=16, progress_interval=0.05)  # never ends by itself


def nothing_learned_is_a_failure():
    """A job that trains no pair fails with the cause, and publishes no model."""
    alone = b"".join(b"w%d\n" % (i % 50) for i in range(1000))
    cases = [
        (alone, {}, "sentence", "1000 words in 1000 sentences"),
        (b"the the the\n" * 100, {}, None, "'the' is the only word"),
        (b"a b c d\n", dict(min_count=1, sample=1e-7), "sample", "nothing was learned"),
    ]
    with Service() as s:
        for text, settings, key, says in cases:
            expect(s.put("/v1/corpora/c", text), 201)
            a = expect(s.post("/v1/jobs", {"corpus": "c", "model": "m", "settings": settings}), 202)
            job = s.wait(a.json["id"], "failed")
            check(job["error"]["code"] == "refused", job)
            check(job["error"]["key"] == key and says in job["error"]["detail"], job["error"])
            expect(s.get("/v1/models/m"), 404)


def auto_is_chosen_and_told():
    """What `sample = auto` came to: in the job's report, the corpus' and the model's card."""
    items = zipf_text(400000, seed=3, words=60)
    with Service() as s:
        expect(s.put("/v1/corpora/c", items), 201)
        for sample in ("auto", 1e-4):
            settings = dict(
                QUICK, sample=sample, sample_words=0, sample_base=1e-4, window=5,
                dynamic_window=True,
            )
            a = expect(s.post("/v1/jobs", {"corpus": "c", "model": "m", "settings": settings}), 202)
            events = list(s.events(a.json["id"]))
            job = s.job(a.json["id"])
            check(job["state"] == "succeeded" and job["settings"]["sample"] == sample, job)
            report = job["corpus_report"]
            check(expect(s.get("/v1/corpora/c"), 200).json["report"] == report, report)
            check(0 < job["examples"] <= job["words"], job)
            card = expect(s.get("/v1/models/m"), 200).json
            check(card["settings"]["sample"] == report["sample"], card["settings"], report)
            check(card["training"]["sample_share"] == report["sample_share"], card, report)
            check(card["training"]["examples"] == job["examples"], card, job)
            low = any("keeps only" in e[2]["line"] for e in events if e[1] == "log")
            if sample == "auto":
                check(card["chosen"] == ["sample"] and not low, card)
                check(0.4 <= report["sample_share"] < 0.41 and report["sample"] > 1e-4, report)
            else:
                check(card["chosen"] == [] and low, card, events)
                check(0 < report["sample_share"] < 0.2 and report["sample"] == 1e-4, report)
        row = next(r for r in s.get("/v1/settings").json["settings"] if r["name"] == "sample")
        check(row["type"] == "number" and row["auto"] and row["default"] == "auto", row)
        wrong = {"corpus": "c", "model": "m", "settings": {"sample": "some"}}
        a = expect(s.post("/v1/jobs", wrong), 422)
        check('sample must be a number or "auto"' in a.json["detail"], a.json)


def job_from_start_to_end():
    with Service() as s:
        expect(s.put("/v1/corpora/c", TEXT), 201)
        a = expect(
            s.post(
                "/v1/jobs",
                {
                    "corpus": "c",
                    "model": "m",
                    "settings": dict(
                        dim=32, epochs=3, negative=5, sample=1e-4, progress_interval=0.02
                    ),
                },
            ),
            202,
        )
        id = a.json["id"]
        check(a.headers["Location"] == "/v1/jobs/" + id and len(id) == 32, a.headers)
        check(a.json["state"] in ("queued", "running") and a.json["settings"]["dim"] == 32, a)
        check(a.json["settings"]["format"] == "text", a.json["settings"])
        events = list(s.events(id))
        ids = [e[0] for e in events if e[0] is not None]
        check(ids == list(range(1, len(ids) + 1)), "ids are contiguous", ids)
        states = [e[2]["state"] for e in events if e[1] == "state"]
        check(states[0] == "queued" and states[-1] == "succeeded", states)
        phases = [e[2]["phase"] for e in events if e[1] == "state"]
        check(
            [p for i, p in enumerate(phases) if p and p not in phases[:i]]
            == ["vocabulary", "training", "publishing"],
            phases,
        )
        epochs = [e[2] for e in events if e[1] == "epoch"]
        check([e["epoch"] for e in epochs] == [1, 2, 3], epochs)
        check(
            all(e["loss"] > 0 for e in epochs) and epochs[-1]["loss"] < epochs[0]["loss"],
            "loss falls",
            epochs,
        )
        job = s.job(id)
        check(job["state"] == "succeeded" and job["progress"] == 1 and job["error"] is None, job)
        check(job["words"] == job["words_total"] > 0 and job["epoch"] == 3, job)
        check(job["corpus_report"]["words"] == len(TEXT.split()), job["corpus_report"])
        check(
            job["created"] <= job["started"] <= job["finished"] and job["version"] == id[:16], job
        )
        model = expect(s.get("/v1/models/m"), 200).json
        check(model["version"] == job["version"] and model["dim"] == 32, model)
        report = s.get("/v1/corpora/c").json["report"]
        check(report == job["corpus_report"], report)
        history = expect(s.get("/v1/jobs/%s/history" % id), 200).json
        check(history["job"] == id and len(history["data"]) >= 3, history)
        for row in history["data"]:
            check(
                {"step", "epoch", "words", "loss", "learning_rate", "words_per_second", "time"}
                <= set(row),
                row,
            )
        words = [row["words"] for row in history["data"]]
        check(words == sorted(words), words)
        check(len(s.get("/v1/jobs/%s/history?points=2" % id).json["data"]) == 2, "points")
        # replay
        half = ids[len(ids) // 2]
        check([e[0] for e in s.events(id, last=half)] == ids[len(ids) // 2 + 1 :], "replay")
        check(list(s.events(id, last=ids[-1])) == [], "204 behind the end")
        check(
            s.get("/v1/jobs/%s/events?last_event_id=%d" % (id, ids[-1])).status == 204, "by query"
        )
        expect(s.get("/v1/jobs/%s/events" % id, headers={"Last-Event-ID": "x"}), 422)
        before = s.job(id)
        check(s.stop() == 0, "exit code")
        s.start()
        check(s.job(id) == before, "job after a restart", s.job(id), before)
        check([e[0] for e in s.events(id)] == ids, "events after a restart")
        check(s.get("/v1/jobs/%s/history" % id).json == history, "history after a restart")
        s.check_tidy()
        expect(s.delete("/v1/corpora/c"), 204)


def bad_jobs():
    with Service() as s:
        expect(s.put("/v1/corpora/c", SMALL), 201)
        expect(s.post("/v1/jobs", {"corpus": "nope", "model": "m"}), 404, "nope")
        expect(s.post("/v1/jobs", {"corpus": "../x", "model": "m"}), 422, "corpus")
        expect(s.post("/v1/jobs", {"corpus": "c", "model": "../x"}), 422, "model")
        expect(s.post("/v1/jobs", {"corpus": "c"}), 422, "model is missing")
        expect(s.post("/v1/jobs", {"corpus": 5, "model": "m"}), 422)
        expect(s.post("/v1/jobs", {"corpus": "c", "model": "m", "setings": {}}), 422, "setings")
        expect(s.post("/v1/jobs", {"corpus": "c", "model": "m", "settings": []}), 422, "object")
        for settings, part in (
            ({"dim": 0}, "between 1 and 4096"),
            ({"dim": 4097}, "4096"),
            ({"dim": "9"}, "number"),
            ({"dmi": 9}, "did you mean 'dim'"),
            ({"listen": ":1"}, "listen"),
            ({"epochs": -1}, "epochs"),
            ({"dim": 2**63 - 1}, "4096"),
            ({"unique": 1}, "unique"),
            ({"objective": "hinge"}, "nce"),
            ({"sample": 2}, "between"),
            ({"min_learning_rate": 1, "learning_rate": 0.1}, "min_learning_rate"),
        ):
            a = expect(
                s.post("/v1/jobs", {"corpus": "c", "model": "m", "settings": settings}), 422, part
            )
            check(a.json["errors"][0]["pointer"].startswith("#/settings/"), a)
        for body in (
            b"",
            b"{",
            b"[]",
            b"nonsense",
            b'{"corpus":"c","corpus":"c","model":"m"}',
            b"\xff",
            b'{"corpus":"c","model":"m"} x',
            b'{"corpus":"c","model":"m","settings":{"dim":1e999}}',
            b"[" * 100000,
        ):
            check(
                s.post("/v1/jobs", body, headers={"Content-Type": "application/json"}).status
                in (400, 422),
                body[:60],
            )
        check(s.get("/v1/jobs").json["data"] == [], "nothing was queued")
        check(os.listdir(os.path.join(s.data, "jobs")) == [], "nothing is left")
        a = expect(
            s.post(
                "/v1/jobs",
                {
                    "corpus": "c",
                    "model": "m",
                    "settings": {"dim": 4096, "min_count": 1, "max_memory": "3M"},
                },
            ),
            422,
            "bytes",
            "largest dim",
        )
        for id in ("0" * 32, "x", "a" * 200):
            for path in ("", "/events", "/history"):
                expect(s.get("/v1/jobs/%s%s" % (id, path)), 404)
            for deed in ("cancel", "pause", "resume"):
                expect(s.post("/v1/jobs/%s/%s" % (id, deed)), 404)
        expect(s.get("/v1/jobs?state=done"), 422, "state")
        expect(s.get("/v1/jobs?limit=x"), 422, "limit")


def transitions():
    with Service() as s:
        expect(s.put("/v1/corpora/c", TEXT), 201)
        first, second = s.submit("c", "m", **LONG), s.submit("c", "m", **LONG)
        s.wait_training(first)
        check(s.job(second)["state"] == "queued", "one at a time")
        expect(s.delete("/v1/corpora/c"), 409, "job")
        expect(s.post("/v1/jobs/%s/resume" % first), 409, "running")
        expect(s.post("/v1/jobs/%s/resume" % second), 409, "queued")
        check(
            expect(s.post("/v1/jobs/%s/pause" % second), 200).json["state"] == "paused",
            "queued to paused",
        )
        expect(s.post("/v1/jobs/%s/pause" % second), 409, "paused")
        before = s.job(first)
        answer = expect(s.post("/v1/jobs/%s/pause" % first), 200).json
        check(answer["state"] == "paused" or answer["pausing"], "running to paused", answer)
        paused = s.wait(first, "running", "paused", condition=lambda job: not job["pausing"])
        check(paused["state"] == "paused", "running to paused", paused)
        check(paused["words"] >= before["words"] and paused["eta_seconds"] is None, paused)
        check(os.listdir(os.path.join(s.data, "jobs", first, "work")), "a checkpoint is there")
        expect(s.delete("/v1/corpora/c"), 409)
        check(find_child(s, first) is None, "a paused job has no process")
        check(s.job(first)["words"] == paused["words"], "paused is paused")
        check(s.stop() == 0, "exit code")
        s.start()
        check(
            s.job(first)["state"] == "paused" and s.job(second)["state"] == "paused",
            "paused stays paused",
        )
        expect(s.post("/v1/jobs/%s/resume" % first), 200)
        on = s.wait_training(first)
        check(
            on["words"] >= paused["words"],
            "goes on from the checkpoint",
            on["words"],
            paused["words"],
        )
        check(
            expect(s.post("/v1/jobs/%s/cancel" % second), 200).json["state"] == "cancelled",
            "paused to cancelled",
        )
        a = expect(s.post("/v1/jobs/%s/cancel" % first), 200)
        check(a.json["state"] == "cancelled" and a.json["finished"], a)
        for deed in ("cancel", "pause", "resume"):
            expect(s.post("/v1/jobs/%s/%s" % (first, deed)), 409, "cancelled")
        check(list(s.events(first))[-1][2]["state"] == "cancelled", "the stream ends")
        third = s.submit("c", "m", **QUICK)
        fourth = s.submit("c", "m", **LONG)
        check(
            expect(s.post("/v1/jobs/%s/cancel" % fourth), 200).json["state"] == "cancelled",
            "queued to cancelled",
        )
        s.wait(third, "succeeded")
        check(
            [j["id"] for j in s.get("/v1/jobs").json["data"]] == [fourth, third, second, first],
            "newest first",
        )
        check(
            [j["id"] for j in s.get("/v1/jobs?state=cancelled&limit=1&offset=1").json["data"]]
            == [second],
            "filter",
        )
        expect(s.delete("/v1/corpora/c"), 204)
        s.check_tidy()


def running_job_keeps_its_text():
    with Service() as s:
        expect(s.put("/v1/corpora/c", SMALL), 201)
        block = s.submit("c", "other", **LONG)
        job = s.submit("c", "m", **QUICK)
        expect(s.put("/v1/corpora/c", "different words here\n" * 100), 201)
        expect(s.post("/v1/jobs/%s/cancel" % block), 200)
        done = s.wait(job, "succeeded")
        check(
            done["corpus_digest"] == sha(SMALL)
            and done["corpus_report"]["words"] == len(SMALL.split()),
            done,
        )
        check(
            s.get("/v1/corpora/c").json["report"] is None,
            "the report is of the text that was scanned",
        )


def restart_in_the_middle():
    # A stop that waits for anything but the checkpoint would wait for an hour.
    with Service("--checkpoint-interval", "0.2", "--shutdown-timeout", "3600") as s:
        expect(s.put("/v1/corpora/c", TEXT), 201)
        # Long enough for four stops on any machine: two threads are not faster on many cores.
        id = s.submit("c", "m", dim=48, epochs=150, negative=10, progress_interval=0.05, threads=2)
        waiting = s.submit("c", "n", **QUICK)
        last, words = 0, 0
        for round in range(4):
            words = s.wait_training(id, lambda job: job["words"] > words)["words"]
            for event in s.events(id, last=last, limit=50):
                if event[0] is not None:
                    check(event[0] > last, "ids never restart", event[0], last)
                    last = event[0]
                if event[1] == "progress" and event[2].get("words", 0) >= words:
                    break
            if round % 2:
                s.kill()
            else:
                check(s.stop() == 0, "exit code")
            s.start()
            check(s.job(id)["state"] in ("queued", "running"), s.job(id))
            if round % 2 == 0:
                again = s.wait_training(id)
                check(
                    again["words"] >= words,
                    "nothing is trained twice after an orderly stop",
                    again["words"],
                    words,
                )
        s.wait(id, "succeeded")
        s.wait(waiting, "succeeded")
        ids = [e[0] for e in s.events(id) if e[0] is not None]
        check(ids == sorted(set(ids)) and ids[-1] > last, "increasing", ids[-1], last)
        check(s.job(id)["crashes"] == 0, s.job(id))
        s.check_tidy()


def find_child(s, id):
    """The training process of a job, or None."""
    for task in os.listdir("/proc/%d/task" % s.process.pid):
        try:
            with open("/proc/%d/task/%s/children" % (s.process.pid, task)) as children:
                pids = children.read().split()
            for pid in pids:
                with open("/proc/%s/cmdline" % pid) as line:
                    if id in line.read():
                        return int(pid)
        except OSError:
            pass  # gone meanwhile
    return None


def child_of(s, id, but=None):
    """The training process of a job, waited for: after a crash the next one takes a moment.
    `but` is the one that it must not be any more."""

    def next_child():
        child = find_child(s, id)
        return child if child != but else None

    return wait_until(next_child, lambda: "no training process")


def crashes_of_the_child():
    with Service() as s:
        expect(s.put("/v1/corpora/c", TEXT), 201)
        id = s.submit("c", "m", **LONG)
        for crash in range(3):
            s.wait_training(id)
            os.kill(child_of(s, id), 9)
            wait_until(lambda: s.job(id)["crashes"] > crash, lambda: "no crash is counted")
        job = s.wait(id, "failed")
        check(
            "signal 9" in job["error"]["detail"] and "out of memory" in job["error"]["detail"],
            job["error"],
        )
        s.check_tidy()
        id = s.submit("c", "m", **LONG)
        s.wait_training(id)
        child = child_of(s, id)
        os.kill(child, 15)  # from outside: a checkpoint, and on it goes
        child = child_of(s, id, but=child)
        check(s.wait_training(id)["crashes"] == 0, s.job(id))
        s.kill()
        wait_until(
            lambda: not os.path.exists("/proc/%d" % child),
            lambda: "the child lives on without the server",
        )


def idempotency():
    with Service() as s:
        key = {"Idempotency-Key": "k-1"}
        a = expect(s.put("/v1/corpora/c", SMALL, key), 201)
        b = expect(s.put("/v1/corpora/c", SMALL, key), 201)
        check(a.body == b.body and b.headers["Idempotent-Replayed"] == "true", a, b)
        expect(s.put("/v1/corpora/c", SMALL + "x", key), 422, "Idempotency-Key")
        check(s.get("/v1/corpora/c").json["digest"] == sha(SMALL), "unchanged")
        expect(s.put("/v1/corpora/other", SMALL + "x", key), 201)
        expect(s.put("/v1/corpora/c", "new text here\n"), 201)
        expect(s.put("/v1/corpora/c", SMALL, key), 201)
        check(
            s.get("/v1/corpora/c").json["digest"] == sha("new text here\n"),
            "a late replay changes nothing",
        )
        expect(s.put("/v1/corpora/c", SMALL, {"Idempotency-Key": "has space"}), 400)
        expect(s.put("/v1/corpora/c", SMALL, {"Idempotency-Key": "k" * 256}), 400)
        expect(s.put("/v1/corpora/c", SMALL), 201)
        body = {"corpus": "c", "model": "m", "settings": QUICK}
        a = expect(s.post("/v1/jobs", body, headers=key), 202)
        b = expect(s.post("/v1/jobs", body, headers=key), 202)
        check(a.json["id"] == b.json["id"] and len(s.get("/v1/jobs").json["data"]) == 1, a, b)
        expect(s.post("/v1/jobs", dict(body, model="n"), headers=key), 422, "Idempotency-Key")
        s.wait(a.json["id"], "succeeded")
        s.stop()
        s.start()
        b = expect(s.post("/v1/jobs", body, headers=key), 202)
        check(a.json["id"] == b.json["id"] and b.json["state"] == "succeeded", b)
        a = expect(s.put("/v1/corpora/other", SMALL + "x", key), 201)
        check(a.headers["Idempotent-Replayed"] == "true", a.headers)
        train = "/v1/models/t/train?min_count=1&epochs=1&dim=8"
        a = expect(s.post(train, SMALL, headers={"Idempotency-Key": "t"}), 202)
        b = expect(s.post(train, SMALL, headers={"Idempotency-Key": "t"}), 202)
        check(a.json["id"] == b.json["id"], a, b)
        expect(s.post(train + "&window=3", SMALL, headers={"Idempotency-Key": "t"}), 422)
        # the same request many times at once
        answers = []
        threads = [
            threading.Thread(
                target=lambda: answers.append(
                    s.post("/v1/jobs", body, headers={"Idempotency-Key": "many"})
                )
            )
            for _ in range(8)
        ]
        [t.start() for t in threads]
        [t.join() for t in threads]
        check(set(a.status for a in answers) <= {202, 409}, [a.status for a in answers])
        check(len(set(a.json["id"] for a in answers if a.status == 202)) == 1, answers)


def limits():
    with Service(
        "--max-jobs-queued",
        "2",
        "--max-jobs-kept",
        "2",
        "--heartbeat-interval",
        "0.2",
        "--max-events",
        "64",
        "--shutdown-timeout",
        "3600",
    ) as s:
        expect(s.put("/v1/corpora/c", TEXT), 201)
        running = s.submit("c", "m", **dict(LONG, progress_interval=0.01))
        s.wait_training(running)
        queued = [s.submit("c", "m", **QUICK) for _ in range(2)]
        a = expect(s.post("/v1/jobs", {"corpus": "c", "model": "m"}), 429, "max_jobs_queued")
        check(int(a.headers["Retry-After"]) > 0, a.headers)
        expect(s.post("/v1/models/z/train", SMALL), 429)
        beats = 0
        for event in s.events(queued[0]):
            beats += event[1] == "comment"
            if beats == 3:
                break
        for event in s.events(running):
            if event[0] is not None and event[0] > 3 * 64:
                break
        rows = s.get("/v1/jobs/%s/history" % running).json["data"]
        check(0 < len(rows) <= 64, "thinned", len(rows))
        # A stream does not keep the server from stopping; it would for an hour.
        opened = threading.Event()
        reader = threading.Thread(
            target=lambda: [opened.set() for _ in s.events(running)], daemon=True
        )
        reader.start()
        check(opened.wait(PATIENCE), "no event")
        check(s.stop() == 0, "exit code")
        s.start()
        expect(s.post("/v1/jobs/%s/cancel" % running), 200)
        [s.wait(id, "succeeded") for id in queued]
        last = s.submit("c", "m", **QUICK)
        s.wait(last, "succeeded")
        wait_until(lambda: len(s.get("/v1/jobs").json["data"]) <= 2, lambda: "all jobs are kept")
        kept = [job["id"] for job in s.get("/v1/jobs").json["data"]]
        check(kept == [last, queued[1]], "the oldest are forgotten")
        expect(s.get("/v1/jobs/" + running), 404)
    with Service("--max-models", "1") as s:
        expect(s.put("/v1/corpora/c", SMALL), 201)
        key = {"Idempotency-Key": "k"}
        first = s.submit("c", "m", headers=key, **QUICK)
        s.wait(first, "succeeded")
        a = expect(s.post("/v1/jobs", {"corpus": "c", "model": "n"}), 409, "max_models is 1")
        check(a.json["errors"][0]["pointer"] == "#/max_models", a)
        expect(s.post("/v1/models/n/train", SMALL), 409, "max_models is 1")
        expect(s.get("/v1/corpora/n"), 404)  # refused before the body was taken
        check(s.submit("c", "m", headers=key, **QUICK) == first, "a replay is no new model")
        s.wait(s.submit("c", "m", **QUICK), "succeeded")
        s.check_tidy()
    with Service("--max-jobs-running", "2") as s:
        expect(s.put("/v1/corpora/c", TEXT), 201)
        both = [s.submit("c", "m%d" % i, **LONG) for i in range(2)]
        [s.wait_training(id) for id in both]
        [expect(s.post("/v1/jobs/%s/cancel" % id), 200) for id in both]


def damage_on_disk():
    with Service() as s:
        expect(s.put("/v1/corpora/good", SMALL), 201)
        for name in ("nometa", "badmeta", "short", "lies"):
            expect(s.put("/v1/corpora/" + name, SMALL), 201)
        done = s.submit("good", "m", **QUICK)
        s.wait(done, "succeeded")
        broken = s.submit("good", "m", **QUICK)
        s.wait(broken, "succeeded")
        s.stop()
        corpora, jobs = os.path.join(s.data, "corpora"), os.path.join(s.data, "jobs")
        os.unlink(os.path.join(corpora, "nometa", "meta.json"))
        open(os.path.join(corpora, "badmeta", "meta.json"), "w").write("{")
        for name in os.listdir(os.path.join(corpora, "short")):
            if name.endswith(".corpus"):
                os.truncate(os.path.join(corpora, "short", name), 100)
        meta = json.load(open(os.path.join(corpora, "lies", "meta.json")))
        meta["id"] = "../../../../../etc/passwd"
        json.dump(meta, open(os.path.join(corpora, "lies", "meta.json"), "w"))
        open(os.path.join(corpora, "good", "f" * 32 + ".corpus"), "w").write("orphan")
        open(os.path.join(corpora, ".tmp-orphan"), "w").write("orphan")
        os.mkdir(os.path.join(jobs, "e" * 32))
        open(os.path.join(jobs, "e" * 32, "corpus"), "w").write("orphan")
        open(os.path.join(jobs, broken, "job.json"), "w").write("[]")
        open(os.path.join(jobs, done, "events"), "a").write("junk")
        s.start()
        check(
            [c["name"] for c in s.get("/v1/corpora").json["data"]] == ["good"],
            s.get("/v1/corpora").json,
        )
        check([j["id"] for j in s.get("/v1/jobs").json["data"]] == [done], "jobs")
        check(
            len(os.listdir(os.path.join(s.data, "quarantine"))) == 4,
            os.listdir(os.path.join(s.data, "quarantine")),
        )
        s.check_tidy()
        events = list(s.events(done))
        check(
            len(events) == 1 and events[0][2]["state"] == "succeeded",
            "the end is told all the same",
            events,
        )
        check(s.get("/v1/jobs/%s/history" % done).json["data"] == [], "history is lost")


if __name__ == "__main__":
    sys.exit(
        run_tests(
            [
                job_from_start_to_end,
                nothing_learned_is_a_failure,
                auto_is_chosen_and_told,
                bad_jobs,
                transitions,
                running_job_keeps_its_text,
                restart_in_the_middle,
                crashes_of_the_child,
                idempotency,
                limits,
                damage_on_disk,
            ]
        )
    )
