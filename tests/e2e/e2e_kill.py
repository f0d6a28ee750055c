"""kill -9 at random moments of uploads, training and publishing; after each restart everything
acknowledged must be there.

usage: e2e_kill.py [--cycles N] [--seed N] [--planted]
20 cycles, with TEST_DEEP=1 in the environment 500.
A build with failure points (TEST_FAILPOINTS=1) is tried with a planted defect as well, renames that
are left out and said to be done: it must be found. --planted runs that alone, and so must fail.
The oracle lives in this process: what was acknowledged, and what may or may not have happened at
the moment of the kill.
"""

import argparse
import hashlib
import http.client
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from service import PATIENCE, Service, check, zipf_text

NAMES = ["c%d" % i for i in range(3)]
PLANTED_CYCLES = 40  # at most: one of the first finds it
GONE = (OSError, http.client.HTTPException)  # the server was killed under the request


class Oracle:
    """May a corpus have this content? Only the last acknowledged one, or one that was on its way
    since."""

    def __init__(self):
        self.lock = threading.Lock()
        self.acked = {name: None for name in NAMES}  # digest, None = deleted or never there
        self.maybe = {name: set() for name in NAMES}
        self.jobs, self.ended, self.maybe_jobs = {}, {}, 0
        self.uploads = self.deletes = 0

    def try_corpus(self, name, digest):
        with self.lock:
            self.maybe[name].add(digest)

    def ack_corpus(self, name, digest):
        with self.lock:
            self.acked[name] = digest
            self.maybe[name] = set()

    def allows(self, name, digest):
        return digest == self.acked[name] or digest in self.maybe[name]


def ask(s, *request):
    """A call to a server that may be stopping: 503 is then as good as no answer."""
    answer = s.call(*request)
    if answer.status == 503:
        raise ConnectionError("shutting down")
    return answer


def uploader(s, oracle, name, rng, stop):
    while not stop.is_set():
        text = zipf_text(rng.choice((2000, 60000, 400000)), seed=rng.random(), words=200)
        digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
        oracle.try_corpus(name, digest)
        try:
            answer = ask(s, "PUT", "/v1/corpora/" + name, text, {"Content-Type": "text/plain"})
            if answer.status == 201:
                check(answer.json["digest"] == digest, "digest", answer)
                oracle.ack_corpus(name, digest)
                oracle.uploads += 1
            if rng.random() < 0.1:
                oracle.try_corpus(name, None)
                answer = ask(s, "DELETE", "/v1/corpora/" + name)
                check(answer.status in (204, 404, 409), answer)
                if answer.status == 204:
                    oracle.ack_corpus(name, None)
                    oracle.deletes += 1
        except GONE:
            return


def trainer(s, oracle, rng, stop):
    while not stop.is_set():
        try:
            waiting = ask(s, "GET", "/v1/jobs?state=queued&limit=0").json["total"]
            if waiting < 3:
                body = {
                    "corpus": "fixed",
                    "model": "m%d" % rng.randint(0, 2),
                    "settings": dict(
                        dim=16,
                        epochs=rng.choice((1, 1, 3)),
                        min_count=1,
                        negative=4,
                        seed=rng.randint(1, 1 << 30),
                        checkpoint_interval=0.05,
                    ),
                }
                oracle.maybe_jobs += 1
                answer = ask(s, "POST", "/v1/jobs", body)
                check(answer.status == 202, answer)
                oracle.jobs[answer.json["id"]] = body["model"]
                oracle.maybe_jobs -= 1
            for job in ask(s, "GET", "/v1/jobs?state=succeeded&limit=20").json["data"]:
                oracle.ended[job["id"]] = job["version"]
        except GONE:
            return
        stop.wait(0.05)


def guarded(function, failures, *arguments):
    try:
        function(*arguments)
    except Exception as error:
        failures.append(error)


def check_corpora(s, oracle):
    listed = {row["name"]: row for row in s.get("/v1/corpora").json["data"]}
    for name in NAMES:
        digest = listed[name]["digest"] if name in listed else None
        check(
            oracle.allows(name, digest),
            "corpus",
            name,
            "is",
            digest,
            "acknowledged was",
            oracle.acked[name],
        )
        oracle.ack_corpus(name, digest)  # the restart has decided
        if digest is None:
            continue
        folder = os.path.join(s.data, "corpora", name)
        content = [f for f in os.listdir(folder) if f.endswith(".corpus")]
        check(len(content) == 1, folder, content)
        with open(os.path.join(folder, content[0]), "rb") as file:
            check("sha256:" + hashlib.sha256(file.read()).hexdigest() == digest, "content of", name)
    check("fixed" in listed, "fixed")


def check_jobs(s, oracle):
    rows, page = [], None
    while page is None or len(rows) < page["total"]:  # a page holds 1,000 at most
        page = s.get("/v1/jobs?limit=1000&offset=%d" % len(rows)).json
        check(
            page["data"] or page["total"] == 0, "a page of jobs is empty", page["total"], len(rows)
        )
        rows += page["data"]
    states = {row["id"]: row for row in rows}
    check(len(states) == len(rows), "a job twice")
    for id in oracle.jobs:
        check(id in states, "job", id, "was acknowledged and is gone")
        check(states[id]["state"] in ("queued", "running", "succeeded"), states[id])
    check(len(states) <= len(oracle.jobs) + oracle.maybe_jobs, "jobs nobody asked for")
    for id, version in oracle.ended.items():
        check(
            states[id]["state"] == "succeeded" and states[id]["version"] == version,
            "ended job",
            states[id],
        )


def check_models(s, oracle):
    served = [row["id"] for row in s.get("/v1/models").json["data"]]
    for name in served:
        words = s.get("/v1/models/%s/words?limit=3" % name)
        check(words.status == 200, words)
        word = words.json["data"][0]["word"]
        check(
            s.get("/v1/models/%s/embeddings?word=%s" % (name, word)).status == 200,
            "vector of",
            word,
        )
    for id in oracle.ended:
        if id in oracle.jobs:
            check(oracle.jobs[id] in served, "model", oracle.jobs[id], "was published and is gone")
    quarantine = os.path.join(s.data, "quarantine")
    check(not os.path.isdir(quarantine) or not os.listdir(quarantine), "something was damaged")


def cycle(s, oracle, rng, tally, **variables):
    stop, failures = threading.Event(), []
    threads = [
        threading.Thread(
            target=guarded,
            args=(uploader, failures, s, oracle, name, random.Random(rng.random()), stop),
        )
        for name in NAMES
    ]
    threads.append(
        threading.Thread(
            target=guarded, args=(trainer, failures, s, oracle, random.Random(rng.random()), stop)
        )
    )
    for thread in threads:
        thread.start()
    time.sleep(rng.choice((rng.uniform(0.01, 0.1), rng.uniform(0.05, 1.0))))
    if rng.random() < 0.15:
        tally["orderly"] += 1
        code = s.stop()
        check(code == 0, "exit code of SIGTERM", code)
    else:
        tally["killed"] += 1
        s.kill()
    stop.set()
    for thread in threads:
        thread.join(PATIENCE)
        check(not thread.is_alive(), "a client hangs")
    if failures:
        raise failures[0]
    s.start(**variables)
    check_corpora(s, oracle)
    check_jobs(s, oracle)
    check_models(s, oracle)


def planted(seed):
    """What the campaign says of a server that leaves out every seventh rename or so; None: nothing,
    which is wrong."""
    rng = random.Random(seed)
    oracle, tally = Oracle(), {"killed": 0, "orderly": 0}
    with Service(start=False) as s:
        s.start()
        check(s.put("/v1/corpora/fixed", zipf_text(60000, words=300)).status == 201, "fixed")
        s.stop()
        spec = ",".join("file.rename:skip@%d" % n for n in range(6, 60, 7))
        s.start(VECMILL_FAILPOINTS=spec)
        for _ in range(PLANTED_CYCLES):
            try:
                cycle(s, oracle, rng, tally, VECMILL_FAILPOINTS=spec)
            except AssertionError as error:
                return str(error)
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cycles", type=int)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--planted", action="store_true")
    options = parser.parse_args()
    if os.environ.get("TEST_FAILPOINTS") == "1" or options.planted:
        found = planted(options.seed)
        print("planted, seed %d: %s" % (options.seed, (found or "nothing was noticed")[:300]))
        if options.planted:
            return 1 if found else 0
        check(found, "a planted defect is not found")
    cycles = options.cycles or (500 if os.environ.get("TEST_DEEP") else 20)
    rng = random.Random(options.seed)
    oracle = Oracle()
    tally = {"killed": 0, "orderly": 0}
    with Service(
        "--max-jobs-queued",
        "1000",
        "--max-jobs-kept",
        "100000",
        "--max-job-crashes",
        "1000",
        start=False,
    ) as s:
        s.start()
        check(s.put("/v1/corpora/fixed", zipf_text(60000, words=300)).status == 201, "fixed")
        for number in range(cycles):
            try:
                cycle(s, oracle, rng, tally)
            except Exception as error:
                raise AssertionError(
                    "cycle %d of seed %d: %s" % (number, options.seed, error)
                ) from error
        for id in list(oracle.jobs):
            s.wait(id, "succeeded")
        check_models(s, oracle)
        s.check_tidy()
        check(s.stop(signal.SIGTERM) == 0, "exit code")
        s.start()
        s.check_tidy()
        check_jobs(s, oracle)
    print(
        "seed %d: %d kills, %d orderly stops, %d uploads and %d deletions acknowledged, %d jobs, "
        "all succeeded; 0 lost, 0 damaged, 0 left over"
        % (
            options.seed,
            tally["killed"],
            tally["orderly"],
            oracle.uploads,
            oracle.deletes,
            len(oracle.jobs),
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
