"""Corpora against the built program: uploads in every form, refusals, full disks, odd texts."""

import gzip
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from service import expect, sha, Service, check, run_tests, zipf_text

TEXT = zipf_text(1200000)
SMALL = zipf_text(60000, seed=2, words=300)
QUICK = dict(dim=16, epochs=1, negative=5, min_count=1)
LONG = dict(dim=64, epochs=100000, negative=16, progress_interval=0.05)  # never ends by itself


def uploads_in_every_form():
    with Service() as s:
        a = expect(s.put("/v1/corpora/plain", TEXT), 201)
        check(a.headers["Location"] == "/v1/corpora/plain", a.headers)
        check(
            a.json["digest"] == sha(TEXT)
            and a.json["bytes"] == len(TEXT)
            and a.json["format"] == "text",
            a,
        )
        a = expect(
            s.put("/v1/corpora/gz", gzip.compress(TEXT.encode()), {"Content-Encoding": "gzip"}), 201
        )
        check(a.json["digest"] == sha(TEXT), a)
        a = expect(
            s.put(
                "/v1/corpora/members",
                gzip.compress(b"a b\n") + gzip.compress(b"c d\n"),
                {"Content-Encoding": "gzip"},
            ),
            201,
        )
        check(a.json["digest"] == sha("a b\nc d\n"), a)
        a = expect(s.put("/v1/corpora/sniffed", gzip.compress(SMALL.encode())), 201)
        check(a.json["digest"] == sha(SMALL), "magic bytes are decoded", a)
        if shutil.which("zstd"):
            z = subprocess.run(
                ["zstd", "-q", "-c"], input=TEXT.encode(), stdout=subprocess.PIPE, check=True
            ).stdout
            a = expect(s.put("/v1/corpora/zst", z, {"Content-Encoding": "zstd"}), 201)
            check(a.json["digest"] == sha(TEXT), a)
        lines = [
            '"plain text here"',
            '["two words", "three"]',
            '{"text": "x y"}',
            '{"tokens": ["p", "q r"]}',
        ]
        a = expect(
            s.put(
                "/v1/corpora/nd", "\n".join(lines) + "\n", {"Content-Type": "application/x-ndjson"}
            ),
            201,
        )
        check(a.json["format"] == "tokens", a)
        expect(
            s.call(
                "POST",
                "/v1/corpora/curl",
                "a b c\n",
                {"Content-Type": "application/x-www-form-urlencoded"},
            ),
            201,
        )
        expect(
            s.call(
                "POST",
                "/v1/corpora/bare",
                b"a b c\n",
                {"Content-Type": "text/plain; charset=UTF-8"},
            ),
            201,
        )
        # chunked, in small pieces
        connection = http.client.HTTPConnection("127.0.0.1", s.port)
        connection.request(
            "PUT",
            "/v1/corpora/chunked",
            iter([TEXT[i : i + 7001].encode() for i in range(0, len(TEXT), 7001)]),
            encode_chunked=True,
        )
        response = connection.getresponse()
        check(
            response.status == 201 and json.loads(response.read())["digest"] == sha(TEXT), "chunked"
        )
        connection.close()
        names = [row["name"] for row in expect(s.get("/v1/corpora"), 200).json["data"]]
        check(names == sorted(names) and len(names) >= 8, names)
        expect(s.put("/v1/corpora/plain", SMALL), 201)
        check(s.get("/v1/corpora/plain").json["digest"] == sha(SMALL), "replaced whole")
        expect(s.delete("/v1/corpora/plain"), 204)
        expect(s.get("/v1/corpora/plain"), 404, "plain")
        expect(s.delete("/v1/corpora/plain"), 404)
        s.check_tidy()
        listed = s.get("/v1/corpora").json
        check(s.stop() == 0, "exit code")
        s.start()
        check(s.get("/v1/corpora").json == listed, "the same after a restart")


def bad_uploads():
    with Service("--max-corpus-bytes", "2M") as s:
        expect(s.put("/v1/corpora/e", b""), 422, "empty")
        expect(
            s.put("/v1/corpora/e", gzip.compress(b""), {"Content-Encoding": "gzip"}), 422, "empty"
        )
        expect(s.put("/v1/corpora/e", "\n\n", {"Content-Type": "application/x-ndjson"}), 422)
        expect(s.put("/v1/corpora/e", "x" * (2 << 20) + "y"), 413, "max_corpus_bytes")
        expect(s.put("/v1/corpora/e", iter([b"x" * 65536] * 33)), 413)
        expect(
            s.put("/v1/corpora/e", gzip.compress(b"\0" * (3 << 20)), {"Content-Encoding": "gzip"}),
            413,
        )
        expect(s.put("/v1/corpora/e", gzip.compress(b"\0" * (3 << 20))), 413)
        if shutil.which("zstd"):
            bomb = subprocess.run(
                ["zstd", "-q", "-19", "-c"],
                input=b"a " * (64 << 20),
                stdout=subprocess.PIPE,
                check=True,
            ).stdout
            check(len(bomb) < 1 << 20, len(bomb))
            expect(s.put("/v1/corpora/e", bomb, {"Content-Encoding": "zstd"}), 413)
        whole = gzip.compress(TEXT.encode())
        expect(
            s.put("/v1/corpora/e", whole[: len(whole) // 2], {"Content-Encoding": "gzip"}),
            400,
            "short",
        )
        expect(s.put("/v1/corpora/e", b"not gzip at all", {"Content-Encoding": "gzip"}), 400)
        expect(
            s.put(
                "/v1/corpora/e",
                whole[:1000] + b"X" * 50 + whole[1050:],
                {"Content-Encoding": "gzip"},
            ),
            400,
        )
        expect(
            s.put("/v1/corpora/e", gzip.compress(whole), {"Content-Encoding": "gzip"}), 415, "twice"
        )
        expect(s.put("/v1/corpora/e", "x", {"Content-Encoding": "br"}), 415)
        expect(s.put("/v1/corpora/e", "x", {"Content-Type": "application/pdf"}), 415)
        expect(
            s.put("/v1/corpora/e", "x", {"Content-Type": "multipart/form-data; boundary=x"}), 415
        )
        expect(s.put("/v1/corpora/e", "x", {"Content-Type": "text/plain; charset=iso-8859-1"}), 415)
        for line in ('{"text": 5}', "[1.5]", "nonsense", '{"text": "x"', "3", '"a"\n{"other": 1}'):
            expect(
                s.put("/v1/corpora/e", line + "\n", {"Content-Type": "application/x-ndjson"}),
                400,
                "line",
            )
        for name in ("..%2fx", "a%2fb", "%00"):
            check(s.put("/v1/corpora/" + name, "x").status in (400, 404), name)
        for name in ("..x..", "-x", ".x", "x%20y", "%C3%A9", "a" * 129):
            expect(s.put("/v1/corpora/" + name, "x"), 422, "corpus must be")
        expect(s.get("/v1/corpora/nope"), 404)
        # a client that goes away in the middle
        for size in (1, 1000, 300000):
            c = http.client.HTTPConnection("127.0.0.1", s.port)
            c.putrequest("PUT", "/v1/corpora/gone")
            c.putheader("Content-Type", "text/plain")
            c.putheader("Content-Length", "1000000")
            c.endheaders()
            c.send(b"x" * size)
            c.sock.close()
            c.close()
        s.check_tidy()
        check(s.get("/v1/corpora").json["data"] == [], "no corpus")
    with Service("--max-corpora", "2") as s:
        expect(s.put("/v1/corpora/a", "x y"), 201)
        expect(s.put("/v1/corpora/b", "x y"), 201)
        expect(s.put("/v1/corpora/c", "x y"), 422, "max_corpora")
        expect(s.put("/v1/corpora/a", "x z"), 201)


def full_disk():
    if os.geteuid() != 0:
        print("SKIP  full_disk: not root")
        return
    folder = tempfile.mkdtemp(prefix="vecmill-full-")
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], stderr=subprocess.DEVNULL
    ).returncode:
        print("SKIP  full_disk: cannot mount")
        os.rmdir(folder)
        return
    try:
        with Service("--reserve-disk", "0", "--drain-bytes", "64M", data=folder) as s:
            expect(s.put("/v1/corpora/big", b"word " * (1 << 20)), 507)
            expect(s.put("/v1/corpora/big", iter([b"word " * 8192] * 128)), 507)
            expect(
                s.put(
                    "/v1/corpora/big",
                    gzip.compress(b"word " * (1 << 20)),
                    {"Content-Encoding": "gzip"},
                ),
                507,
            )
            s.check_tidy()
            expect(s.put("/v1/corpora/small", SMALL), 201)
            id = s.submit("small", "m", dim=4000, min_count=1, epochs=1)  # the model has no room
            job = s.wait(
                id, "queued", "running", "waiting", condition=lambda job: job["state"] == "waiting"
            )
            check(job["error"]["code"] == "disk_full", job["error"])
            expect(s.get("/healthz"), 200)
            other = s.submit("small", "m", **QUICK)  # one that waits is in nobody's way
            s.wait(other, "succeeded")
            expect(s.post("/v1/jobs/%s/cancel" % id), 200)
            s.check_tidy()
        with Service("--reserve-disk", "3M", "--drain-bytes", "64M", data=folder) as s:
            expect(s.put("/v1/corpora/big", b"word " * 300000), 507, "reserve_disk")
    finally:
        subprocess.run(["umount", "-l", folder], check=False)
        os.rmdir(folder)


def tokens_keep_their_spaces():
    with Service() as s:
        rows = [
            json.dumps(["new york", "is", "big"]),
            json.dumps({"tokens": ["new york", "big"]}),
            json.dumps("is big is"),
        ] * 50
        expect(
            s.put("/v1/corpora/nd", "\n".join(rows), {"Content-Type": "application/x-ndjson"}), 201
        )
        s.wait(s.submit("nd", "m", **QUICK), "succeeded")
        words = {row["word"]: row["count"] for row in s.get("/v1/models/m/words").json["data"]}
        check(words == {"new york": 100, "is": 150, "big": 150}, words)
        expect(
            s.post("/v1/jobs", {"corpus": "nd", "model": "m", "settings": {"format": "text"}}),
            422,
            "format",
        )


def one_call_training():
    with Service() as s:
        a = expect(s.call("POST", "/v1/models/one/train?dim=8&epochs=2&min_count=1", SMALL), 202)
        job = s.wait(a.json["id"], "succeeded")
        check(job["corpus"] == "one" and job["settings"]["dim"] == 8 and job["epochs"] == 2, job)
        check(a.headers["Location"] == "/v1/jobs/" + job["id"], a.headers)
        a = expect(
            s.call("POST", "/v1/models/two/train?corpus=named&min_count=1&epochs=1", SMALL), 202
        )
        check(s.wait(a.json["id"], "succeeded")["corpus"] == "named", a)
        expect(s.call("POST", "/v1/models/x/train?dmi=8", SMALL), 422, "dmi", "dim")
        expect(s.call("POST", "/v1/models/x/train?dim=0", SMALL), 422, "between 1 and 4096")
        expect(s.call("POST", "/v1/models/x/train?listen=:1", SMALL), 422, "listen")
        expect(s.call("POST", "/v1/models/x/train?corpus=-x", SMALL), 422)
        large = "/v1/models/x/train?corpus=kept&dim=4096&min_count=1&max_memory=10M"
        stored = "corpus 'kept' is stored: POST /v1/jobs"
        expect(s.call("POST", large, SMALL), 422, "the largest dim that fits", stored)
        expect(s.get("/v1/corpora/kept"), 200)
        expect(s.call("POST", "/v1/models/-x/train", SMALL), 422)
        expect(s.call("POST", "/v1/models/x/train", ""), 422, "empty")
        check(
            [c["name"] for c in s.get("/v1/corpora").json["data"]] == ["kept", "named", "one"],
            "nothing of the refused",
        )


def corpora_that_cannot_be_trained():
    junk = b"junk" + os.urandom(100000)
    for name, text, settings in (
        ("one", "word\n", {}),
        ("blank", " \n\n\t\n", {"min_count": 1}),
        ("rare", " ".join("w%d" % i for i in range(5000)), {"min_count": 5}),
        ("same", "same " * 2000, {"min_count": 1}),
        ("junk", junk, {"min_count": 1}),
        ("junkrare", junk, {"min_count": 1000000}),
        ("nul", b"\0" * 5000, {"min_count": 1}),
        ("long", b"x" * 500000, {"min_count": 1}),
    ):
        with Service("--max-invalid-share", "1") as s:
            expect(s.put("/v1/corpora/" + name, text), 201)
            a = s.post(
                "/v1/jobs",
                {"corpus": name, "model": "m", "settings": dict(dim=8, epochs=1, **settings)},
            )
            if a.status == 202:
                job = s.wait(a.json["id"], "succeeded", "failed")
                if job["state"] == "failed":
                    check(job["error"]["code"] in ("refused", "malformed"), name, job["error"])
                    check(job["crashes"] == 0, name, job)
                    check(
                        list(s.events(job["id"]))[-1][2]["error"]["detail"]
                        == job["error"]["detail"],
                        name,
                    )
                if name in ("one", "blank", "rare", "junkrare"):
                    check(job["state"] == "failed", name, job)
            else:
                expect(a, 422)
            s.check_tidy()
            expect(s.get("/healthz"), 200)


if __name__ == "__main__":
    sys.exit(
        run_tests(
            [
                uploads_in_every_form,
                bad_uploads,
                full_disk,
                tokens_keep_their_spaces,
                one_call_training,
                corpora_that_cannot_be_trained,
            ]
        )
    )
