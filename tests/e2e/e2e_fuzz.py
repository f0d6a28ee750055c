"""A mutational fuzzer on all routes. What the service offers is read from /openapi.json; valid
requests are made of it and then spoiled: bytes, JSON, numbers, fields, queries, encodings. Every
answer must be one that is documented or 4xx, and the service must live. The budget is a number of
requests.

    e2e_fuzz.py [SEED [REQUESTS]]
    e2e_fuzz.py --planted    a build with failure points must be caught with a defect switched on

2,000 requests, or 60,000 where TEST_DEEP is set. Runs against the program of a sanitizer where
VECMILL names one; in the release build it leaves that to build/asan where that has been built.
TEST_FAILPOINTS=1 (ctest sets it) asks for the planted defect first. Standard library only.
"""

import json
import os
import random
import re
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import service
from mutate import Requests, mutated
from service import PATIENCE, Service, check, wait_until, zipf_text

REQUESTS = 60000 if os.environ.get("TEST_DEEP") else 2000
PLANTED = "planted.query_int:eio@1+"
# Beside 2xx and 304 (documented) and 4xx: a method or coding that is not known, a version; a job's
# plan that does not fit into memory or on the disk.
SERVER_SIDE = (501, 505, 507)


def read_answers(sock, head):
    """Statuses and bodies of all answers on the connection; a stream is left early. head: the first
    has no body."""
    answers = []
    with sock.makefile("rb") as stream:
        while True:
            line = stream.readline()
            if not line:
                return answers
            found = re.fullmatch(rb"HTTP/1\.1 (\d\d\d) [ -~]*\r\n", line)
            check(found, "no status line", line[:200])
            status, fields = int(found.group(1)), {}
            while (field := stream.readline()) != b"\r\n":
                name, colon, value = field.partition(b":")
                check(colon and field.endswith(b"\r\n"), "odd field", field[:200])
                fields[name.lower()] = value.strip()
            if status == 100:
                continue
            answers.append((status, b""))
            if head and len(answers) == 1:
                continue
            if b"content-length" not in fields and status not in (204, 304):
                return answers  # a stream
            if b"content-length" in fields and status != 304:
                body = stream.read(int(fields[b"content-length"]))
                answers[-1] = (status, body)


def ask(port, data):
    sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    with sock:
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        try:
            return read_answers(sock, data.startswith(b"HEAD "))
        except ConnectionError:
            return []


def is_stopped(status, body):
    """A long answer that ended because its client seems to be gone: ask() ends its side of the
    connection behind the request, which looks so."""
    return status == 503 and b"its client is gone" in body


def fault(answers):
    """What is wrong with the answers, or None."""
    for status, body in answers:
        if is_stopped(status, body):
            continue
        if status >= 500 and status not in SERVER_SIDE:
            return "%d: %r" % (status, body[:300])
        if status < 200 or (300 <= status < 400 and status != 304):
            return "status %d" % status
        if status >= 400 and body:
            document = json.loads(body)
            if not (document.get("detail") or document.get("error", {}).get("message")):
                return "an error without a reason: %r" % body[:300]
    return None


class Target:
    """The service with a model, and what is needed to bring the model back."""

    def __init__(self, server):
        self.server = server
        text = zipf_text(30000, words=200)
        check(server.put("/v1/corpora/c", text).status == 201, "corpus")
        job = server.submit("c", "m", dim=8, epochs=1, min_count=1)
        server.wait(job, "succeeded")
        listed = server.get("/v1/models/m/words?limit=20").json["data"]
        names = [entry["word"] for entry in listed]
        self.vectors = server.get("/v1/models/m/files/vectors.txt")
        check(self.vectors.status == 200, self.vectors)
        document = server.get("/openapi.json").json
        bodies = {
            "text/plain": [b"a b c\n" * 20, b": x\na b c d\n", b"a b 1.0\n",
                           self.vectors.body],
            "application/x-ndjson": [b'{"text":"a b c"}\n' * 20, b'["a","b"]\n' * 20],
            "application/octet-stream": [self.vectors.body],
            "application/partial-upload": [b"a b c\n" * 20],
        }
        holes = {
            "model": ["m", "m", "m", "none"],
            "corpus": ["c", "c", "d", "none"],
            "job": [job, job, "none"],
            "version": ["1", "0", "x"],
            "file": ["vectors.txt", "vectors.bin.gz", "model.safetensors", "vocab.tsv"],
            "problem": ["refused", "none"],
            "questions": ["q", "q", "none"],
            "label": ["stable", "stable", "none"],
            "upload": ["none", "0" * 32],
        }
        self.requests = Requests(document, holes, bodies, names + ["nosuchword"])

    def tidy(self):
        """Ends the jobs that were begun, and brings back what was deleted."""
        for job in self.server.get("/v1/jobs?limit=1000").json["data"]:
            if job["state"] not in service.ENDED:
                self.server.post("/v1/jobs/%s/cancel" % job["id"])
        if self.server.get("/v1/models/m").status == 404:
            answer = self.server.put("/v1/models/m/files/vectors.txt", self.vectors.body)
            check(answer.status == 201, answer)
        if self.server.get("/v1/corpora/c").status == 404:
            check(self.server.put("/v1/corpora/c", "a b c d\n" * 500).status == 201, "corpus")


def campaign(seed, budget, planted=False):
    """Returns what was found, or None, and the number of requests."""
    options = ("--max-jobs-queued", "4", "--max-jobs-kept", "20", "--max-models", "20")
    options += ("--max-corpora", "20", "--shutdown-timeout", "60")
    rng = random.Random(seed)
    with Service(*options, start=False) as server:
        server.start(**({"VECMILL_FAILPOINTS": PLANTED} if planted else {}))
        target = Target(server)
        counts = {}
        for index in range(budget):
            data = mutated(rng, target.requests, index)
            try:
                answers = ask(server.port, data)
                found = fault(answers)
            except (AssertionError, ValueError) as error:
                answers, found = [], "%s: %s" % (type(error).__name__, error)
            if server.process.poll() is not None:
                found = "the service is gone: " + server.log()
            if found:
                return "request %d of seed %d: %s\n%r" % (index, seed, found, data[:3000]), index
            for status, _ in answers or [(0, b"")]:
                counts[status] = counts.get(status, 0) + 1
            if index % 100 == 99:
                target.tidy()
        target.tidy()
        wait_until(lambda: server.get("/healthz").status == 200, lambda: "no health")
        code = server.stop()
        print("%d requests: %s" % (budget, dict(sorted(counts.items()))))
        if code != 0 or re.search("AddressSanitizer|runtime error", "\n".join(server.lines)):
            return "exit status %d: %s" % (code, server.log()), budget
        for line in server.lines:
            if re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]", line):
                return "a control character reached the log: %r" % line, budget
        return None, budget


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--planted"]
    seed = int(arguments[0]) if arguments else 60000
    budget = int(arguments[1]) if len(arguments) > 1 else REQUESTS
    points = os.environ.get("TEST_FAILPOINTS") == "1"
    build = os.environ.get("BUILD", "")
    if build.endswith("/release") and os.path.exists(os.path.join(build, "../asan/vecmill")):
        print("SKIPPED: the program in build/asan is the one to try")
        return 77
    if points or "--planted" in sys.argv:
        found, n = campaign(seed, budget, planted=True)
        if not found or "planted.query_int" not in found:
            print("FAIL the planted defect was not found, but: %s" % found)
            return 1
        print("the planted defect was found by request %d" % n)
        if "--planted" in sys.argv:
            return 0
    found, n = campaign(seed, budget)
    if found:
        print("FAIL " + found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
