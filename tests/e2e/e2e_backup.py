#!/usr/bin/env python3
"""Backups of a folder that a server works on: what was acknowledged before is in the copy, the copy
starts and checks out, and nothing of the backup stays behind.

VECMILL names the program."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from service import PATIENCE, VECMILL, Service, check, expect, run_tests, sha, wait_until, zipf_text


def backup(data, output, code=0):
    command = [VECMILL, "backup", data, "--output", output]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE)
    check(done.returncode == code, done)
    return done


def restored(folder):
    """A server on a copy, whose every record was checked at its start."""
    s = Service(data=folder)
    ready = expect(s.get("/readyz"), 200).json
    check(not ready.get("warnings"), ready, s.log())
    check(not os.path.exists(os.path.join(folder, "quarantine")), "quarantine", s.log())
    return s


def unpack(tar, folder):
    with tarfile.open(tar) as file:
        names = file.getnames()
        file.extractall(folder)
    done = subprocess.run(["tar", "-tf", tar], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check(done.returncode == 0 and done.stderr == b"", done)
    return names


def vectors(mark):
    return "2 2\nking %d 1\nqueen 2 1\n" % mark


class Worker(threading.Thread):
    """Changes things until it is told to stop; `acknowledged` is what the server promised."""

    def __init__(self, s, work):
        super().__init__(daemon=True)
        self.s, self.work, self.ending, self.acknowledged, self.error = s, work, False, {}, None
        self.lock = threading.Lock()
        self.start()

    def run(self):
        i = 0
        try:
            while not self.ending:
                i += 1
                key, value = self.work(self.s, i)
                with self.lock:
                    self.acknowledged[key] = (i, value)
        except Exception as error:
            self.error = error

    def so_far(self):
        with self.lock:
            return dict(self.acknowledged)

    def end(self):
        self.ending = True
        self.join()
        if self.error:
            raise self.error


def upload_work(s, i):
    name, text = "c%d" % (i % 7), "number %d\n" % i * (1 + i % 50)
    expect(s.put("/v1/corpora/" + name, text), 201)
    return name, sha(text)


def import_work(s, i):
    name = "m%d" % (i % 3)
    card = expect(s.put("/v1/models/%s/files/vectors.txt" % name, vectors(i)), 201).json
    if i % 5 == 0:
        expect(
            s.call("PUT", "/v1/models/%s/labels/stable" % name, {"version": card["version"]}), 200
        )
    return name, card["version"]


def train_work(s, i):
    id = s.submit("base", "t%d" % (i % 2), dim=4, epochs=1, min_count=1, threads=1)
    return "job%d" % i, s.wait(id, "succeeded")["id"]


def part_work(s, i):
    headers = {"Upload-Complete": "?0", "Content-Type": "text/plain"}
    made = expect(s.call("PUT", "/v1/corpora/p%d" % (i % 3), b"", headers), 201)
    location, body = made.headers["Location"], b"part %d\n" % i * 200
    headers = {"Upload-Offset": "0", "Content-Type": "application/partial-upload"}
    expect(s.call("PATCH", location, body, headers), 204)
    if i % 2:
        headers = {"Upload-Offset": str(len(body)), "Upload-Complete": "?1"}
        expect(s.call("PATCH", location, b"", headers), 201)
    return location, (len(body), i % 2)



def check_copy(s, before, what):
    """Of each thing the copy has what was acknowledged before, or something newer."""
    for name, (number, digest) in before[0].items():
        found = expect(s.get("/v1/corpora/%s/content" % name), 200).body
        check(found.startswith(b"number "), what, found[:40])
        check(int(found.split()[1]) >= number, what, name, found[:40], number)
        check(expect(s.get("/v1/corpora/" + name), 200).json["digest"] == sha(found), "digest")
    for name, (number, version) in before[1].items():
        row = expect(s.get("/v1/models/%s/embeddings?word=king" % name), 200).json
        check(round(row["data"][0]["vector"][0]) >= number, what, row, number)
        for entry in s.get("/v1/models/%s/labels" % name).json["data"]:
            expect(s.get("/v1/models/%s/versions/%s" % (name, entry["label"])), 200)
    for name, (number, id) in before[2].items():
        job = s.job(id)
        check(job["state"] == "succeeded", what, job)
        expect(s.get("/v1/models/" + job["model"]), 200)
    for location, (number, (length, complete)) in before[3].items():
        head = expect(s.call("HEAD", location), 200)
        check(int(head.headers["Upload-Offset"]) == length, what, head.headers)
        if complete:
            check(head.headers["Upload-Complete"] == "?1", what, head.headers)
    # Jobs that ran go on.
    for row in s.get("/v1/jobs").json["data"]:
        s.wait(row["id"], "succeeded", "failed")


def test_while_it_works():
    with Service("--max-uploads", "100000", "--max-jobs-queued", "100") as s, (
        tempfile.TemporaryDirectory()
    ) as folder:
        expect(s.put("/v1/corpora/base", zipf_text(20000)), 201)
        workers = [Worker(s, work) for work in (upload_work, import_work, train_work, part_work)]
        for round in range(6):
            seen = [len(worker.so_far()) for worker in workers]
            wait_until(
                lambda: all(
                    len(w.so_far()) > n or w.error or n >= 3 for w, n in zip(workers, seen)
                ),
                lambda: "no work is done: %s" % s.log(),
            )
            before = [worker.so_far() for worker in workers]
            copy = os.path.join(folder, str(round))
            if round % 3 == 0:
                backup(s.data, copy)
            else:
                tar = copy + ".tar"
                if round % 3 == 1:
                    backup(s.data, tar)
                else:
                    answer = expect(s.get("/v1/backup"), 200)
                    check(answer.headers["Content-Type"] == "application/x-tar", answer.headers)
                    with open(tar, "wb") as file:
                        file.write(answer.body)
                os.mkdir(copy, 0o700)
                unpack(tar, copy)
            again = restored(copy)
            try:
                check_copy(again, before, "round %d" % round)
                check(again.stop() == 0, again.log())
            finally:
                again.close()
            shutil.rmtree(copy)
        for worker in workers:
            worker.end()
        left = [name for name in os.listdir(s.data) if name.startswith(".tmp-")]
        check(left == [], left)


def test_a_running_job_goes_on():
    with Service("--checkpoint-interval", "0.2") as s, tempfile.TemporaryDirectory() as folder:
        expect(s.put("/v1/corpora/c", zipf_text(3000000)), 201)
        id = s.submit("c", "m", dim=50, epochs=200, threads=1, min_count=1)
        s.wait_training(id)
        work = os.path.join(s.data, "jobs", id, "work")
        wait_until(
            lambda: any(name.startswith("checkpoint") for name in os.listdir(work)),
            lambda: "no checkpoint",
        )
        copy = os.path.join(folder, "copy")
        backup(s.data, copy)
        names = os.listdir(os.path.join(copy, "jobs", id, "work"))
        check(names and all(name.startswith("checkpoint") for name in names), names)
        # One text with two names stays one.
        job = os.stat(os.path.join(copy, "jobs", id, "corpus"))
        check(job.st_nlink == 2, job)
        expect(s.post("/v1/jobs/%s/cancel" % id), 200)
        again = restored(copy)
        try:
            job = again.wait_training(id)
            check(job["words"] > 0, job)
            expect(again.post("/v1/jobs/%s/cancel" % id), 200)
            again.wait(id, "cancelled")
        finally:
            again.close()


def test_command_line():
    with Service() as s, tempfile.TemporaryDirectory() as folder:
        name = "n" * 120
        expect(s.put("/v1/corpora/" + name, "a b\n"), 201)
        expect(s.put("/v1/models/%s/files/vectors.txt" % name, vectors(1)), 201)
        expect(s.get("/v1/models/%s/files/vectors.bin" % name), 200)
        s.stop()
        tar = os.path.join(folder, "x.tar")
        backup(s.data, tar)
        check(os.stat(tar).st_mode & 0o077 == 0, "a copy is more open than its data folder")
        names = unpack(tar, os.path.join(folder, "out"))
        check("FORMAT" in names and "LOCK" not in names, names)
        check(not any("/files" in entry for entry in names), names)
        piped = backup(s.data, "-").stdout
        with tarfile.open(fileobj=io.BytesIO(piped)) as file:
            check(file.getnames() == names, "the same")
        check(b"exists already" in backup(s.data, tar, 2).stderr, "kept")
        check(b"is no data folder" in backup(folder, tar + ".2.tar", 1).stderr, "no folder")
        check(b"zstd" in backup(s.data, tar + ".gz", 2).stderr, "compressed")
        bare = subprocess.run([VECMILL, "backup", s.data], stderr=subprocess.PIPE)
        check(bare.returncode == 2 and b"--output" in bare.stderr, bare)
        check(backup("/nonexistent", tar + "3", 1).stdout == b"", "no folder")
        check(sorted(os.listdir(folder)) == ["out", "x.tar"], os.listdir(folder))
        check(not any(entry.startswith(".tmp-") for entry in os.listdir(s.data)), s.data)
        again = restored(os.path.join(folder, "out"))
        try:
            expect(again.get("/v1/models/%s/files/vectors.bin" % name), 200)
        finally:
            again.close()


def test_one_at_a_time():
    import socket

    with Service() as s:
        # Larger than what sockets hold, so that the first one is still being sent.
        expect(s.put("/v1/corpora/c", b"a b c d e f g\n" * 2000000), 201)
        first = socket.create_connection(("127.0.0.1", s.port), timeout=PATIENCE)
        first.sendall(b"GET /v1/backup HTTP/1.1\r\nHost: localhost\r\n\r\n")
        check(first.recv(12) == b"HTTP/1.1 200", "the first")
        expect(s.get("/v1/backup"), 429, "another backup")
        first.close()
        wait_until(lambda: s.get("/v1/backup").status == 200, lambda: s.log())
        check(s.call("HEAD", "/v1/backup").status == 200, "HEAD")
        wait_until(
            lambda: not any(name.startswith(".tmp-") for name in os.listdir(s.data)),
            lambda: os.listdir(s.data),
        )

        def begun():
            connection = socket.create_connection(("127.0.0.1", s.port), timeout=PATIENCE)
            connection.sendall(b"GET /v1/backup HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if connection.recv(12) == b"HTTP/1.1 200":
                return connection
            connection.close()  # the place is free a moment after the links are gone
            return None

        # A kill in the middle leaves links, which the next start removes.
        first = wait_until(begun, lambda: s.log())
        s.kill()
        first.close()
        s.start()
        check(not any(name.startswith(".tmp-") for name in os.listdir(s.data)), "swept")


if __name__ == "__main__":
    sys.exit(
        run_tests(
            [
                test_while_it_works,
                test_a_running_job_goes_on,
                test_command_line,
                test_one_at_a_time,
            ]
        )
    )
