"""A running `vecmill serve` for end-to-end tests, and what they share. Standard library only."""

import bisect
import hashlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

VECMILL = os.environ.get("VECMILL", "build/release/vecmill")
for _name in [name for name in os.environ if name.startswith("VECMILL_")]:
    del os.environ[_name]  # settings of whoever runs the tests are not the tests'
# Seconds after which a test that waits for something gives up; TEST_PATIENCE says it in minutes. It
# only ends a test that hangs: no test asserts how long anything takes.
PATIENCE = 60 * float(os.environ.get("TEST_PATIENCE", "5"))


def wait_until(condition, what, moved=lambda: None):
    """Asks for the condition until it is true, and returns that; what() tells what was missing.
    Patience begins anew whenever moved() gives something else than before."""
    end, last = time.monotonic() + PATIENCE, None
    while True:
        found = condition()
        if found:
            return found
        now = moved()
        if now != last:
            end, last = time.monotonic() + PATIENCE, now
        if time.monotonic() > end:
            raise AssertionError(what())
        time.sleep(0.02)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "%d %r" % (self.status, self.body[:500])


class Service:
    """Starts at construction unless start=False; the data folder survives restarts, and goes away
    with close() unless it was given."""

    def __init__(self, *options, data=None, start=True):
        self.own = data is None
        self.data = data or tempfile.mkdtemp(prefix="vecmill-e2e-")
        self.options, self.process, self.lines, self.port = list(options), None, [], None
        if start:
            self.start()

    def start(self, **variables):
        environment = {**os.environ, **variables}
        self.lines, self.port = [], None
        self.process = subprocess.Popen(
            [VECMILL, "serve", "--listen", "127.0.0.1:0", "--data", self.data] + self.options,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=environment,
        )
        ready = threading.Event()
        self.reader = threading.Thread(target=self._read, args=(self.process, ready), daemon=True)
        self.reader.start()
        if not ready.wait(PATIENCE) or self.port is None:
            raise AssertionError("server does not start:\n" + self.log())
        return self

    def _read(self, process, ready):
        for raw in process.stderr:
            line = raw.decode("utf-8", "replace").rstrip("\n")
            self.lines.append(line)
            found = re.search(r"listening on https?://[^\s\"]*:(\d+)", line)
            if found and self.port is None:
                self.port = int(found.group(1))
                ready.set()
        ready.set()

    def log(self):
        return "\n".join(self.lines[-80:])

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        self.process.stderr.close()
        return code

    def kill(self):
        return self.stop(signal.SIGKILL)

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        if self.own:
            shutil.rmtree(self.data, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            sys.stderr.write("---- server log ----\n" + self.log() + "\n--------------------\n")
        self.close()

    def call(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        elif isinstance(body, str):
            body = body.encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            try:
                connection.request(method, path, body, headers)
            except (BrokenPipeError, ConnectionResetError):
                if connection.sock is None:
                    raise
                # Refused early: the answer is there all the same.
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path, **kw):
        return self.call("GET", path, **kw)

    def post(self, path, body=None, **kw):
        return self.call("POST", path, body, **kw)

    def put(self, path, body=None, headers=None, **kw):
        headers = dict(headers or {})
        headers.setdefault("Content-Type", "text/plain")
        return self.call("PUT", path, body, headers=headers, **kw)

    def delete(self, path, **kw):
        return self.call("DELETE", path, **kw)

    def submit(self, corpus, model, headers=None, **settings):
        answer = self.post(
            "/v1/jobs", {"corpus": corpus, "model": model, "settings": settings}, headers=headers
        )
        if answer.status != 202:
            raise AssertionError("job is not accepted: %r" % answer)
        return answer.json["id"]

    def job(self, id):
        answer = self.get("/v1/jobs/" + id)
        if answer.status != 200:
            raise AssertionError("job %s: %r" % (id, answer))
        return answer.json

    def wait(self, id, *states, condition=lambda job: True):
        """Until the job is in one of the states and meets the condition; a job that ended
        otherwise is a failure at once. A training has little time on a busy machine: only one that
        does not move tries our patience."""
        job = None

        def reached():
            nonlocal job
            job = self.job(id)
            if job["state"] in states and condition(job):
                return job
            check(job["state"] not in ENDED, "job is %s, not %s: %s" % (job["state"], states, job))
            return None

        return wait_until(
            reached,
            lambda: "job is not %s: %s" % (states, job),
            lambda: (job["state"], job["phase"], job["words"], job["progress"]),
        )

    def wait_training(self, id, condition=lambda job: True):
        """Until a running job has passed words, and meets the condition."""

        def passed(job):
            trains = job["state"] == "running" and job["phase"] == "training"
            return trains and job["words"] > 0 and condition(job)

        return self.wait(id, "queued", "running", condition=passed)

    def events(self, id, last=None, limit=None):
        """Events of the stream as (id, event, data), until it ends or `limit` were read; comments
        as (None, 'comment', text)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            headers = {"Accept": "text/event-stream"}
            if last is not None:
                headers["Last-Event-ID"] = str(last)
            connection.request("GET", "/v1/jobs/%s/events" % id, headers=headers)
            response = connection.getresponse()
            if response.status == 204:
                return
            assert response.status == 200, response.status
            assert response.headers["Content-Type"].startswith(
                "text/event-stream"
            ), response.headers
            number = kind = data = None
            seen = 0
            for raw in response:
                line = raw.decode().rstrip("\n")
                if line == "":
                    if data is not None:
                        yield number, kind, json.loads(data)
                        seen += 1
                    number = kind = data = None
                elif line.startswith(":"):
                    yield None, "comment", line[1:].strip()
                    seen += 1
                elif line.startswith("id: "):
                    number = int(line[4:])
                elif line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: "):
                    data = line[6:]
                if limit is not None and seen >= limit:
                    return
        finally:
            connection.close()

    def check_tidy(self):
        """Nothing is left over, once the last job had time to tidy up behind itself."""
        wait_until(lambda: not self.leftovers(), lambda: "left over: %s" % self.leftovers())

    def leftovers(self):
        """Files that no record names: temporaries, contents without a record, job folders without
        one, inputs of ended jobs."""
        found = []
        for folder, folders, files in os.walk(self.data):
            if os.path.basename(folder) == "quarantine":
                continue
            found += [
                os.path.join(folder, name) for name in folders + files if name.startswith(".tmp-")
            ]
        corpora = os.path.join(self.data, "corpora")
        for name in os.listdir(corpora) if os.path.isdir(corpora) else []:
            files = (
                sorted(os.listdir(os.path.join(corpora, name)))
                if os.path.isdir(os.path.join(corpora, name))
                else []
            )
            contents = [f for f in files if f.endswith(".corpus")]
            if files != sorted(contents + ["meta.json"]) or len(contents) != 1:
                found.append("%s: %s" % (os.path.join(corpora, name), files))
        jobs = os.path.join(self.data, "jobs")
        for name in os.listdir(jobs) if os.path.isdir(jobs) else []:
            files = os.listdir(os.path.join(jobs, name))
            if "job.json" not in files:
                found.append(os.path.join(jobs, name))
                continue
            with open(os.path.join(jobs, name, "job.json")) as record:
                # A record that the server writes at this moment is whole: it is replaced, never
                # changed.
                ended = json.load(record)["state"] in ENDED
            if ended and sorted(files) not in (["events", "job.json"], ["job.json"]):
                found.append("%s: %s" % (os.path.join(jobs, name), files))
        return found


ENDED = ("succeeded", "failed", "cancelled")


def zipf_text(size, seed=1, words=5000, sentence=20):
    """About `size` bytes of lines of words whose counts fall as 1 / rank."""
    rng = random.Random(seed)
    names = [
        "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(3, 9)))
        for _ in range(words)
    ]
    total, ends = 0.0, []
    for rank in range(1, words + 1):
        total += 1.0 / rank
        ends.append(total)
    lines, length = [], 0
    while length < size:
        line = " ".join(
            names[bisect.bisect_left(ends, rng.random() * total)] for _ in range(sentence)
        )
        lines.append(line)
        length += len(line) + 1
    return "\n".join(lines) + "\n"


def check(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(part) for part in what))


def sha(data):
    return (
        "sha256:" + hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()
    )


def expect(answer, status, *parts):
    check(answer.status == status, "wanted %d, got" % status, answer)
    for part in parts:
        check(part in answer.body.decode("utf-8", "replace"), "no %r in" % part, answer)
    if status >= 400:
        kind = answer.headers["Content-Type"]
        check(
            kind.startswith("application/problem+json") or kind.startswith("application/json"), kind
        )
    return answer


def run_tests(tests):
    """Runs functions, those named on the command line or all; the exit code of the script."""
    wanted, failed = sys.argv[1:], []
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        begun = time.monotonic()
        try:
            test()
            print("ok    %-44s %6.2f s" % (test.__name__, time.monotonic() - begun), flush=True)
        except Exception as error:  # a test that fails must not stop the others
            failed.append(test.__name__)
            print(
                "FAIL  %-44s %6.2f s: %s: %s"
                % (
                    test.__name__,
                    time.monotonic() - begun,
                    type(error).__name__,
                    str(error)[:2000],
                ),
                flush=True,
            )
    print("%d failed%s" % (len(failed), ": " + ", ".join(failed) if failed else ""))
    return 1 if failed else 0
