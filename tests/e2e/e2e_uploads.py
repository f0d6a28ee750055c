#!/usr/bin/env python3
"""Uploads in parts: what an offset promises survives kills at any moment; appends at the same
time, expiry, digests, compressed bodies, refusals that leave nothing, the loop of docs/api.md.

VECMILL names the program."""

import base64
import bz2
import gzip
import hashlib
import http.client
import lzma
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from service import PATIENCE, VECMILL, Service, check, expect, run_tests, sha, wait_until, zipf_text

PART = "application/partial-upload"
TEXT = zipf_text(300000)


def digest_of(body):
    body = body if isinstance(body, bytes) else body.encode()
    return "sha-256=:%s:" % base64.b64encode(hashlib.sha256(body).digest()).decode()


def create(s, path="/v1/corpora/c", body=b"", status=201, method="PUT", **fields):
    headers = {"Content-Type": "text/plain", "Upload-Complete": "?0"}
    headers.update({name.replace("_", "-"): value for name, value in fields.items()})
    answer = expect(s.call(method, path, body, headers), status)
    if status == 201:
        check(answer.headers["Upload-Complete"] == "?0", answer.headers)
        check(re.match("max-size=[0-9]+", answer.headers["Upload-Limit"]), answer.headers)
        return answer.headers["Location"]
    return answer


def append(s, location, offset, body, complete=False, status=None, **fields):
    headers = {
        "Content-Type": PART,
        "Upload-Offset": str(offset),
        "Upload-Complete": "?%d" % complete,
    }
    headers.update({name.replace("_", "-"): value for name, value in fields.items()})
    answer = s.call("PATCH", location, body, headers)
    if status is None:
        status = 201 if complete else 204
    return expect(answer, status)


def offset_of(s, location):
    answer = expect(s.call("HEAD", location), 200)
    check(answer.headers["Cache-Control"] == "no-store", answer.headers)
    return int(answer.headers["Upload-Offset"]), answer.headers["Upload-Complete"]


def folders(s):
    return sorted(os.listdir(os.path.join(s.data, "uploads")))


def test_parts():
    with Service() as s:
        location = create(s, Upload_Length=str(len(TEXT)), Repr_Digest=digest_of(TEXT))
        check(location.startswith("/v1/uploads/"), location)
        expect(s.get("/v1/corpora/c"), 404)
        at, n = 0, 0
        while at + 70001 < len(TEXT):
            answer = append(s, location, at, TEXT[at : at + 70001])
            at += 70001
            check(int(answer.headers["Upload-Offset"]) == at, answer.headers)
            check(offset_of(s, location) == (at, "?0"), "offset")
            n += 1
        check(n > 2, n)
        row = expect(s.get("/v1/uploads"), 200).json["data"][0]
        check(row["offset"] == at and row["target"] == "/v1/corpora/c", row)
        done = append(s, location, at, TEXT[at:], complete=True)
        check(done.json["digest"] == sha(TEXT), done)
        check(done.headers["Location"] == "/v1/corpora/c", done.headers)
        check(done.headers["Upload-Complete"] == "?1", done.headers)
        check(expect(s.get("/v1/corpora/c"), 200).json["digest"] == sha(TEXT), "corpus")
        # Whoever missed the answer gets it again, also after a start.
        check(offset_of(s, location) == (len(TEXT), "?1"), "complete")
        for _ in range(2):
            again = append(s, location, len(TEXT), b"", complete=True)
            check(again.json == done.json, again)
            s.kill()
            s.start()
        append(s, location, len(TEXT), b"x", complete=True, status=409)
        expect(s.delete(location), 204)
        expect(s.call("HEAD", location), 404)
        check(folders(s) == [], folders(s))
        s.check_tidy()


def test_wrong_requests():
    with Service("--max-corpus-bytes", "1000") as s:
        create(s, status=413, Upload_Length="1001")
        create(s, status=400, Upload_Length="many")
        create(s, "/v1/corpora/-c", status=422)
        create(s, status=415, Content_Type="image/png")
        create(s, status=415, Content_Encoding="br")
        create(s, status=400, Repr_Digest="sha-256=x")
        create(s, status=422, Repr_Digest="md5=:kAFQmDzST7DWlj99KOF/cg==:")
        create(s, status=400, Upload_Complete="no")
        create(s, "/v1/models/m/files/words.doc", status=422)
        check(expect(s.get("/v1/uploads"), 200).json["data"] == [], "none is left")
        location = create(s, body=b"a b c\n")
        check(offset_of(s, location) == (6, "?0"), "the first part counts")
        for offset in (0, 5, 7):
            answer = append(s, location, offset, b"x", status=409)
            check(answer.headers["Upload-Offset"] == "6", answer.headers)
        append(s, location, "x", b"x", status=400)
        expect(s.call("PATCH", location, b"x", {"Upload-Complete": "?0"}), 400, "Upload-Offset")
        append(s, location, 6, b"x", status=415, Content_Type="text/plain")
        append(s, location, 6, b"x", status=415, Content_Encoding="gzip")
        append(s, location, 6, b"x" * 995, status=413)
        append(s, location, 6, b"d e", complete=True, status=400, Upload_Length="10")
        check(offset_of(s, location)[0] == 9, "what came counts")
        append(s, location, 9, b"xy", complete=True, status=400)
        append(s, location, 9, b"f", complete=True)
        expect(s.call("PATCH", "/v1/uploads/" + "0" * 32, b"", {"Upload-Offset": "0"}), 404)
        expect(s.call("PATCH", "/v1/uploads/../x", b"", {"Upload-Offset": "0"}), 400)
        # A chunked part over the limit is cut there, too.
        location = create(s)
        connection = http.client.HTTPConnection("127.0.0.1", s.port, timeout=PATIENCE)
        headers = {"Upload-Offset": "0", "Upload-Complete": "?0", "Content-Type": PART}
        connection.request("PATCH", location, iter([b"x" * 600, b"x" * 600]), headers)
        check(connection.getresponse().status == 413, "chunked")
        connection.close()
        check(offset_of(s, location)[0] <= 1000, "bound")
        # With ?1 at once it is an ordinary upload.
        expect(s.put("/v1/corpora/d", "a b\n", {"Upload-Complete": "?1"}), 201)


def test_refused_at_the_end():
    """What is no corpus, or has another digest, is refused and leaves nothing."""
    with Service() as s:
        expect(s.put("/v1/corpora/c", "as it was\n"), 201)
        rows = [
            (b"\x00\x01" * 5000, 415, {}),
            (b"", 422, {}),
            (TEXT.encode(), 400, {"Repr_Digest": digest_of(TEXT + "x")}),
            (gzip.compress(TEXT.encode())[:-9], 400, {"Content_Encoding": "gzip"}),
        ]
        for body, status, fields in rows:
            location = create(s, **fields)
            append(s, location, 0, body, complete=True, status=status)
            expect(s.call("HEAD", location), 404)
            check(folders(s) == [], folders(s))
        location = create(s)
        append(s, location, 0, TEXT, complete=True, status=400, Repr_Digest=digest_of("other"))
        check(expect(s.get("/v1/corpora/c"), 200).json["bytes"] == 10, "as it was")
        location = create(s)
        append(s, location, 0, TEXT, complete=True, Repr_Digest=digest_of(TEXT))
        # A part with a wrong digest does not count, the rest of the upload does.
        location = create(s)
        append(s, location, 0, b"one two\n", Content_Digest=digest_of(b"one two\n"))
        append(s, location, 8, b"three\n", Content_Digest=digest_of(b"four"), status=400)
        check(offset_of(s, location) == (8, "?0"), "as before")
        append(s, location, 8, b"three\n", complete=True, Content_Digest=digest_of(b"three\n"))
        check(expect(s.get("/v1/corpora/c"), 200).json["bytes"] == 14, "both")
        s.check_tidy()


def test_encodings_and_kinds():
    data = TEXT.encode()
    packings = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}
    with Service() as s:
        for name, pack in packings.items():
            packed = pack(data)
            for fields in ({"Content_Encoding": name}, {}):
                location = create(s, "/v1/corpora/" + name, **fields)
                cut = len(packed) // 3
                append(s, location, 0, packed[:cut])
                done = append(s, location, cut, packed[cut:], complete=True)
                check(done.json["digest"] == sha(data), name, done)
        lines = b'{"text": "a b"}\n["c"]\n'
        location = create(s, "/v1/corpora/n?text_field=text", Content_Type="application/x-ndjson")
        append(s, location, 0, lines[:9])
        check(append(s, location, 9, lines[9:], complete=True).json["format"] == "tokens", "kind")
        # Models, and training.
        rows = b"3 2\nking 1 1\nqueen 2 1\nman 3 1\n"
        location = create(s, "/v1/models/m/files/vectors.txt?max_rows=2")
        append(s, location, 0, rows[:20])
        card = append(s, location, 20, rows[20:], complete=True).json
        check(card["words"] == 2 and card["id"] == "m", card)
        location = create(s, "/v1/models/t/train?dim=5&min_count=1&epochs=1", method="POST")
        append(s, location, 0, data[:1000])
        job = append(s, location, 1000, b"", complete=True, status=202).json
        s.wait(job["id"], "succeeded")
        expect(s.get("/v1/models/t"), 200)


def half_sent(s, location, offset, body, length):
    """An append of which only `body` is sent; the open socket."""
    connection = socket.create_connection(("127.0.0.1", s.port), timeout=PATIENCE)
    head = (
        "PATCH %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nUpload-Offset: %d\r\n"
        "Upload-Complete: ?0\r\nContent-Length: %d\r\n\r\n" % (location, PART, offset, length)
    )
    connection.sendall(head.encode() + body)
    return connection


def test_a_cut_connection():
    with Service() as s:
        location = create(s)
        first = half_sent(s, location, 0, b"a" * 5000, 10000)
        wait_until(lambda: offset_of(s, location)[0] == 5000, lambda: offset_of(s, location))
        first.close()
        # Another one goes on, also while the first is still open at the other end.
        second = half_sent(s, location, 5000, b"b" * 10, 1000)
        wait_until(lambda: offset_of(s, location)[0] == 5010, lambda: offset_of(s, location))
        append(s, location, 5010, b" c\n")
        second.sendall(b"b" * 990)
        answer = second.recv(65536)
        check(b"409" in answer.split(b"\r\n")[0] and b"Upload-Offset: 5013" in answer, answer)
        second.close()
        check(offset_of(s, location) == (5013, "?0"), "one has won")
        done = append(s, location, 5013, b"", complete=True)
        check(done.json["digest"] == sha(b"a" * 5000 + b"b" * 10 + b" c\n"), done)


def test_many_at_the_same_time():
    with Service() as s:
        location = create(s)
        pieces = [b"%02d%s\n" % (i, b"x" * 997) for i in range(24)]
        whole, at = b"", 0
        for round in range(0, len(pieces), 6):
            answers = []

            def send(piece):
                headers = {"Content-Type": PART, "Upload-Offset": str(at)}
                answers.append((piece, s.call("PATCH", location, piece, headers)))

            threads = [
                threading.Thread(target=send, args=(piece,)) for piece in pieces[round : round + 6]
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            won = [piece for piece, answer in answers if answer.status == 204]
            check(len(won) == 1 and len(answers) == 6, answers)
            for _, answer in answers:
                if answer.status != 204:
                    expect(answer, 409)
                    check(int(answer.headers["Upload-Offset"]) <= at + 1000, answer.headers)
            whole += won[0]
            at += len(won[0])
            check(offset_of(s, location)[0] == at, "offset")
        done = append(s, location, at, b"", complete=True)
        check(done.json["digest"] == sha(whole), done)


def test_kills():
    """Whatever an answer promised is there after a kill, and the whole comes out right."""
    rng = random.Random(7)
    data = zipf_text(6000000, seed=3).encode()
    with Service() as s:
        location = create(s, Upload_Length=str(len(data)), Repr_Digest=digest_of(data))
        promised = 0
        for round in range(12):
            at, complete = offset_of(s, location)
            check(at >= promised, "lost:", promised - at)
            promised = at
            size = rng.randint(1, len(data) // 6)
            if round % 3 == 0 and at + size < len(data):
                append(s, location, at, data[at : at + size])
                promised = at + size
                s.kill()
            else:
                cut = half_sent(s, location, at, b"", len(data) - at)
                killer = threading.Timer(rng.random() * 0.05, s.process.kill)
                killer.start()
                try:
                    cut.sendall(data[at : at + size])
                    promised_before = promised
                    check(promised == promised_before, "nothing new was promised")
                except OSError:
                    pass
                killer.join()
                cut.close()
                s.kill()
            s.start()
        at, _ = offset_of(s, location)
        append(s, location, at, data[at:])
        # At the end, too: the commit is asked for until it answers.
        for _ in range(6):
            kill_at_the_end(s, rng, location, len(data))
        done = append(s, location, len(data), b"", complete=True)
        check(done.json["digest"] == sha(data), done)
        check(expect(s.get("/v1/corpora/c/content"), 200).body == data, "content")
        check(os.listdir(os.path.join(s.data, folders_of(location))) == ["upload.json"], "body")
        s.check_tidy()


def kill_at_the_end(s, rng, location, length):
    """Asks for the end of an upload that is there, and kills the server meanwhile."""
    killer = threading.Timer(rng.random() * 0.1, s.process.kill)
    killer.start()
    try:
        append(s, location, length, b"", complete=True)
    except (OSError, http.client.HTTPException):
        pass
    killer.join()
    s.kill()
    s.start()


def folders_of(location):
    return os.path.join("uploads", location.rsplit("/", 1)[1])


def test_an_import_is_taken_once():
    """A kill behind the publishing, before the answer: the second end makes no second version."""
    rows = b"2 2\nking 1 1\nqueen 2 1\n"
    with Service() as s:
        location = create(s, "/v1/models/m/files/vectors.txt")
        append(s, location, 0, rows)
        rng = random.Random(3)
        for _ in range(8):
            kill_at_the_end(s, rng, location, len(rows))
        append(s, location, len(rows), b"", complete=True)
        check(len(expect(s.get("/v1/models/m/versions"), 200).json["data"]) == 1, "one version")


def test_limits():
    with Service("--max-uploads", "2", "--upload-expiry", "1.5") as s:
        first, second = create(s), create(s)
        append(s, first, 0, b"a" * 100)
        refused = create(s, status=429)
        check("max_uploads" in refused.json["detail"], refused)
        wait_until(lambda: folders(s) == [], lambda: folders(s))
        expect(s.call("HEAD", first), 404)
        append(s, second, 0, b"x", status=404)
        limit = expect(s.call("PUT", "/v1/corpora/c", b"", {"Upload-Complete": "?0"}), 201)
        check("max-age=2" in limit.headers["Upload-Limit"], limit.headers)
    # Those that are complete give their place, the oldest first; those that are not keep it.
    with Service("--max-uploads", "2", "--upload-expiry", "0") as s:
        done = []
        for name in "abc":
            done.append(create(s, "/v1/corpora/" + name))
            append(s, done[-1], 0, b"a b\n", complete=True)
        expect(s.call("HEAD", done[0]), 404)
        check(offset_of(s, done[2])[0] == 4, "the newest one answers")
        waiting = create(s)
        expect(s.call("HEAD", done[1]), 404)
        other = create(s)
        create(s, status=429)
        for location in (waiting, other):
            append(s, location, 0, b"a b\n", complete=True)
        create(s)
    # Expired while nobody was there.
    with Service() as s:
        location = create(s, body=b"a b\n")
        s.stop()
        s.options = ["--upload-expiry", "0.1"]
        s.start()
        wait_until(lambda: folders(s) == [], lambda: folders(s))
        s.stop()
        s.options = ["--reserve-disk", "1000T"]
        s.start()
        create(s, status=507)
        check(folders(s) == [], folders(s))


def test_damage():
    with Service() as s:
        location = create(s, body=b"a b c d\n")
        other = create(s, "/v1/corpora/d", body=b"e f\n")
        folder = os.path.join(s.data, folders_of(location))
        s.stop()
        with open(os.path.join(folder, "body"), "r+b") as file:
            file.truncate(3)
        s.start()
        expect(s.call("HEAD", location), 404)
        check("upload" in s.get("/readyz").body.decode(), "warned")
        check(offset_of(s, other)[0] == 4, "the other one")
        with open(os.path.join(s.data, folders_of(other), "body"), "ab") as file:
            file.write(b"behind what counts")
        done = append(s, other, 4, b"g\n", complete=True)
        check(done.json["digest"] == sha("e f\ng\n"), done)


def test_the_loop_of_the_guide():
    """The script of docs/api.md, word for word, against a server that dies on the way."""
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    text = open(os.path.join(root, "docs", "api.md")).read()
    script = re.search("<!-- upload loop -->\n```sh\n(.*?)```", text, re.S).group(1)
    data = zipf_text(3000000, seed=5).encode()
    with tempfile.TemporaryDirectory() as folder, Service() as s:
        path = os.path.join(folder, "upload.sh")
        with open(path, "w") as file:
            file.write(script)
        with open(os.path.join(folder, "big.txt"), "wb") as file:
            file.write(data)
        url = "http://127.0.0.1:%d" % s.port
        command = ["sh", path, os.path.join(folder, "big.txt"), url, "/v1/corpora/big"]
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=PATIENCE)
        check(done.returncode == 0 and b'"bytes":%d' % len(data) in done.stdout, done)
        check(expect(s.get("/v1/corpora/big"), 200).json["digest"] == sha(data), done.stdout)
        # What waiting does not change ends it.
        command[-1] = "/v1/nothing"
        done = subprocess.run(command, stderr=subprocess.PIPE, timeout=PATIENCE)
        check(done.returncode == 1 and b"40" in done.stderr, done)
        # With a key, and without the one that is needed.
        create = [VECMILL, "key", "create", "--scope", "train"]
        made = subprocess.run(create, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        key, row = made.stdout.decode().splitlines()
        with Service("--api-keys", row, start=False) as keyed:
            keyed.start()
            command[-2:] = ["http://127.0.0.1:%d" % keyed.port, "/v1/corpora/big"]
            for given, code in ((None, 1), ("vm_wrong", 1), (key, 0)):
                env = {**os.environ, **({"KEY": given} if given else {})}
                done = subprocess.run(command, capture_output=True, env=env, timeout=PATIENCE)
                check(done.returncode == code, given, done)
            check(b'"bytes":%d' % len(data) in done.stdout, done)


if __name__ == "__main__":
    sys.exit(
        run_tests(
            [
                test_parts,
                test_wrong_requests,
                test_refused_at_the_end,
                test_encodings_and_kinds,
                test_a_cut_connection,
                test_many_at_the_same_time,
                test_kills,
                test_an_import_is_taken_once,
                test_limits,
                test_damage,
                test_the_loop_of_the_guide,
            ]
        )
    )
