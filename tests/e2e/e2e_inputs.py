"""What people hand in as a corpus or as vectors: each kind of file is read, or refused by its name
with the way out, by the command line (exit 2) and by the service (415). The files are made here by
Python's own modules."""

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from service import VECMILL, Service, check, expect, run_tests  # noqa: E402

LINES = "".join("the cat sat on the mat %d\nthe dog ran to the cat\n" % (i % 7) for i in range(300))
TEXT = LINES.encode()
VECTORS = b"3 4\nthe 1 2 3 4\ncat 5 6 7 8\nmat 9 1 2 3\n"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def zipped(*files, method=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return packed.getvalue()


class Pipe(io.RawIOBase):
    """What cannot seek: the sizes of a zip's file then stand behind it."""

    def __init__(self):
        self.bytes = b""

    def writable(self):
        return True

    def write(self, piece):
        self.bytes += bytes(piece)
        return len(piece)


def zipped_to_a_pipe(name, content):
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return pipe.bytes


def tarred(content):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        row = tarfile.TarInfo("a.txt")
        row.size = len(content)
        archive.addfile(row, io.BytesIO(content))
    return packed.getvalue()


def database():
    folder = tempfile.mkdtemp()
    try:
        path = os.path.join(folder, "a.db")
        with sqlite3.connect(path) as connection:
            connection.execute("create table t (a text)")
        connection.close()
        with open(path, "rb") as file:
            return file.read()
    finally:
        shutil.rmtree(folder)


def packed_ways(content, name):
    return {
        "gzip": gzip.compress(content),
        "gzip, padded": gzip.compress(content) + b"\0" * 1000,
        "two gzips": gzip.compress(content[:50]) + gzip.compress(content[50:]),
        "bzip2": bz2.compress(content),
        "two bzip2s": bz2.compress(content[:50]) + bz2.compress(content[50:]),
        "xz": lzma.compress(content),
        "two xzs": lzma.compress(content[:50]) + lzma.compress(content[50:]),
        "zip": zipped((name, content)),
        "zip, stored": zipped((name, content), method=zipfile.ZIP_STORED),
        "zip from a pipe": zipped_to_a_pipe(name, content),
    }


# What is neither text nor vectors: the bytes, and what they are called.
KINDS = {
    "a tar archive": tarred(TEXT),
    "text in UTF-16": LINES.encode("utf-16"),
    "text in UTF-32": LINES.encode("utf-32"),
    "a Python pickle": pickle.dumps({"a": [1, 2]}),
    "an SQLite database": database(),
    "a PDF document": b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n",
    "a Parquet file": b"PAR1\x15\x04\x15\x10" + bytes(200),
    "a 7-Zip archive": b"7z\xbc\xaf\x27\x1c\0\4" + bytes(100),
    "a web page": b"\n<!DOCTYPE html>\n<html><body>page</body></html>\n",
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n",
    "an office document": zipped(("[Content_Types].xml", "<x/>"), ("word/document.xml", "<x/>")),
    "several files": zipped(("a.txt", "a b\n"), ("b.txt", "c d\n")),
    "is encrypted": bytes(
        b | 1 if i == 6 else b for i, b in enumerate(zipped(("a.txt", "secret")))
    ),
    "compressed twice": gzip.compress(bz2.compress(TEXT)),
}
# The same, of text only.
TEXT_KINDS = {
    "fastText's binary model": b"\xba\x16\x4f\x2f\x0c\0\0\0" + bytes(100),
    "text in UTF-16: ": LINES.encode("utf-16-le"),
    "not in UTF-8": ("Das Mädchen geht über die Straße\n" * 200).encode("latin1"),
    "JSON": b'{"text": "a b c"}\n' * 50,
    "a CSV table": b"id,text,label\n" + b"1,some words,0\n" * 50,
    "word2vec's binary format": b"2 8\nthe " + bytes(range(128, 160)) + b"\ncat " + bytes(32),
}


def command(*arguments):
    return subprocess.run(
        [VECMILL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def train(folder, content, *options, name="corpus"):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(content)
    return command(
        *("train", path, "--output", os.path.join(folder, "model"), "--dim", "4"),
        *("--epochs", "1", "--min-count", "1", "--threads", "1", "--progress", "none"),
        *("--sample", "0", *options),
    )


def in_folder(test):
    def run():
        folder = tempfile.mkdtemp(prefix="vecmill-e2e-")
        try:
            test(folder)
        finally:
            shutil.rmtree(folder)

    run.__name__ = test.__name__
    return run


@in_folder
def command_reads_what_is_packed(folder):
    wanted = train(folder, TEXT).stdout.splitlines()[-1]
    for way, content in packed_ways(TEXT, "a.txt").items():
        done = train(folder, content)
        check(done.returncode == 0, (way, done))
        check(done.stdout.splitlines()[-1] == wanted, (way, wanted, done))
    rows = b'{"tokens": ["the", "cat", 15]}\n' * 100
    done = train(folder, bz2.compress(rows), name="rows.jsonl.bz2")
    check(done.returncode == 0, done)


@in_folder
def command_names_what_is_no_text(folder):
    for name, content in {**KINDS, **TEXT_KINDS}.items():
        done = train(folder, content)
        check(done.returncode == 2, (name, done))
        check(name.split(":")[0] in done.stderr, (name, done))
    for name in ("JSON", "a CSV table"):
        done = train(folder, TEXT_KINDS[name], "--format", "text")
        check(done.returncode == 0, (name, done))
    done = train(folder, TEXT_KINDS["not in UTF-8"], "--max-invalid-share", "1")
    check(done.returncode == 0, done)


@in_folder
def command_imports(folder):
    path = os.path.join(folder, "file")
    for way, content in packed_ways(VECTORS, "vectors.txt").items():
        with open(path, "wb") as file:
            file.write(content)
        done = command("import", path, "--output", os.path.join(folder, "m"))
        check(done.returncode == 0 and "3 words of 4 dimensions" in done.stdout, (way, done))
    for name, content in KINDS.items():
        with open(path, "wb") as file:
            file.write(content)
        done = command("import", path, "--output", os.path.join(folder, "m"))
        check(done.returncode == 2 and name in done.stderr, (name, done))


def service_reads_what_is_packed():
    with Service() as s:
        wanted = expect(s.put("/v1/corpora/plain", TEXT), 201).json["digest"]
        for way, content in packed_ways(TEXT, "a.txt").items():
            got = expect(s.put("/v1/corpora/packed", content), 201).json
            check(got["digest"] == wanted, (way, got))
            expect(s.put("/v1/models/m/files/vectors.txt", packed_ways(VECTORS, "v")[way]), 201)
        for coding, packed in (("bzip2", bz2.compress(TEXT)), ("xz", lzma.compress(TEXT))):
            got = expect(s.put("/v1/corpora/c", packed, {"Content-Encoding": coding}), 201).json
            check(got["digest"] == wanted, (coding, got))
        expect(s.put("/v1/models/m/files/vectors.zip", zipped(("v.txt", VECTORS))), 201)


def service_names_what_is_no_text():
    with Service() as s:
        for name, content in {**KINDS, **TEXT_KINDS}.items():
            expect(s.put("/v1/corpora/c", content), 415, name.split(":")[0])
        for name, content in KINDS.items():
            expect(s.put("/v1/models/m/files/vectors.bin", content), 415, name)
        expect(s.get("/v1/corpora/c"), 404)
        expect(s.put("/v1/corpora/c?format=text", TEXT_KINDS["JSON"]), 201)
        expect(s.put("/v1/corpora/c?format=text", KINDS["a PDF document"]), 415, "PDF")
        expect(s.put("/v1/corpora/c?form=text", TEXT), 422, "form")


def forms_lose_line_breaks():
    with Service() as s:
        glued = TEXT.replace(b"\n", b"")
        expect(s.put("/v1/corpora/c", glued, FORM), 415, "--data-binary")
        expect(s.put("/v1/corpora/c", gzip.compress(TEXT)[:-9], FORM), 400, "curl -T")
        joined = VECTORS.replace(b"\n", b"")
        expect(s.put("/v1/models/m/files/vectors.txt", joined, FORM), 415, "-T")
        expect(s.put("/v1/corpora/c", TEXT, FORM), 201)
        expect(s.put("/v1/models/m/files/vectors.txt", VECTORS, FORM), 201)
        expect(s.put("/v1/corpora/c", glued), 201)


def rows_as_people_have_them():
    with Service() as s:
        rows = [["a", 15, None], None, "x y", {"text": None}, ["New York", "n\0ul"]]
        body = "".join(json.dumps(row) + "\n" for row in rows)
        got = expect(s.put("/v1/corpora/c?format=ndjson", body), 201).json
        check(got["skipped"] == 3 and got["altered"] == 1, got)
        other = '{"body": "a b", "id": 1}\n{"body": ["c"]}\n'
        expect(s.put("/v1/corpora/c?format=ndjson", other), 400, "text_field")
        expect(s.put("/v1/corpora/c?format=ndjson&text_field=body", other), 201)
        expect(s.put("/v1/corpora/c?format=ndjson&text_field=x", other), 422, "'body', 'id'")
        for whole in (json.dumps(rows[:1]), json.dumps([{"text": "a"}], indent=1)):
            expect(s.put("/v1/corpora/c?format=ndjson", whole), 400, "jq")


def white_space_of_unicode():
    with Service() as s:
        spaces = "\u3000\u00a0\u2009\u2028\u0085\u1680\u202f\u205f\ufeff"
        text = "".join("the%scat\n" % space for space in spaces) * 20
        expect(s.put("/v1/corpora/c", text), 201)
        s.wait(s.submit("c", "m", min_count=1, dim=4, epochs=1), "succeeded", "failed")
        report = s.get("/v1/corpora/c").json["report"]
        check(report["vocabulary"] == 2 and report["words"] == 360, report)


@in_folder
def long_windows(folder):
    if not shutil.which("zstd"):
        print("long_windows: left out, there is no zstd")
        return
    packed = subprocess.run(
        ["zstd", "-q", "--ultra", "--long=28", "-c"],
        input=TEXT * 8,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    done = train(folder, packed)
    check(done.returncode == 1 and "max_window_bytes" in done.stderr, done)
    check("268435456" in done.stderr, done)
    done = train(folder, packed, "--max-window-bytes", "256M")
    check(done.returncode == 0, done)
    with Service() as s:
        expect(s.put("/v1/corpora/c", packed), 422, "max_window_bytes")
    with Service("--max-window-bytes", "256M") as s:
        expect(s.put("/v1/corpora/c", packed), 201)


if __name__ == "__main__":
    sys.exit(
        run_tests(
            [
                command_reads_what_is_packed,
                command_names_what_is_no_text,
                command_imports,
                service_reads_what_is_packed,
                service_names_what_is_no_text,
                forms_lose_line_breaks,
                rows_as_people_have_them,
                white_space_of_unicode,
                long_windows,
            ]
        )
    )
