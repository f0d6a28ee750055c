#!/usr/bin/env python3
"""Imports against the running program: words of any bytes, duplicates, wrong headers, the first
rows of a file, what is told of all that, and that a failed import leaves nothing behind. gensim
writes files for it where it is installed; without it that check is skipped, loudly.

VECMILL names the program."""

import gzip
import io
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from service import Service, VECMILL, check, expect, run_tests, wait_until

try:
    import gensim
except ImportError:
    gensim = None

FILES = "/v1/models/m/files/"
NOTHING = dict(
    skipped=0,
    duplicates=0,
    duplicate_words=[],
    without_word=0,
    with_white_space=0,
    not_utf8=0,
    labels=0,
    ngram_rows=0,
)


def put(s, file, body, status=201, query=""):
    return expect(s.put(FILES + file + query, body), status)


def report(answer, **wanted):
    card = answer.json
    check(card["import"] == {**NOTHING, **wanted}, card["import"])
    check(card["words"] == wanted["kept"], card)


def binary(words, rows, end=b"\n"):
    parts = [b"%d %d\n" % (len(words), len(rows[0]))]
    for word, row in zip(words, rows):
        parts.append(word + b" " + struct.pack("<%df" % len(row), *row) + end)
    return b"".join(parts)


def test_text():
    with Service() as s:
        text = (
            "6 3\nthe 1 2 3\n. . . 4 5 6\nat name@domain.example 7 8 9\nthe 0 0 1\n"
            "\fChapter 1 0 0\n".encode() + b"\xff\x80 0 1 0\n"
        )
        wanted = dict(
            format="text",
            rows=6,
            kept=5,
            duplicates=1,
            duplicate_words=["the"],
            with_white_space=3,
            not_utf8=1,
        )
        report(put(s, "vectors.txt", text), **wanted)
        report(put(s, "vectors.txt.gz", gzip.compress(text)), **wanted)
        found = [". . .", "at name@domain.example", "\fChapter", "the"]
        accept = {"Accept": "application/octet-stream"}
        rows = expect(s.call("POST", "/v1/models/m/embeddings", {"words": found}, accept), 200)
        check(struct.unpack("<12f", rows.body) == (4, 5, 6, 7, 8, 9, 1, 0, 0, 1, 2, 3), rows)
        # The card keeps it over a restart.
        s.stop()
        s.start()
        report(expect(s.get("/v1/models/m"), 200), **wanted)
        answer = put(s, "vectors.txt", "2 2\na 1 2\nb 3 4 5\n", 400)
        check("line 3: 3 values, not 2" in answer.json["error"]["message"], answer)
        answer = put(s, "vectors.txt", "a 1,5 2,5\n", 400)
        check("decimals have a point" in answer.json["error"]["message"], answer)
        report(expect(s.get("/v1/models/m"), 200), **wanted)


def test_binary():
    words = [b"a\tb", b"\x0cChapter", "東京".encode(), b"x\ny", b"\xff", b"a\tb", b"12"]
    rows = [[float(i), 1.0] for i in range(len(words))]
    with Service() as s:
        for end in (b"\n", b""):
            report(
                put(s, "vectors.bin", binary(words, rows, end)),
                format="binary",
                rows=7,
                kept=6,
                duplicates=1,
                duplicate_words=["a\ufffdb"],
                with_white_space=3,
                not_utf8=1,
            )
        # What has no space comes back from a download as it is.
        words = [b"plain", "\u3000".encode(), b"0.5", "\u00a0".encode()]
        body = binary(words, rows[:4])
        put(s, "vectors.bin", body)
        check(expect(s.get(FILES + "vectors.bin"), 200).body == body, "the same bytes")


def test_max_rows():
    text = "4 2\na 1 2\nb 3 4\nc 5 6\n"
    with Service() as s:
        answer = put(s, "vectors.txt", text, 400)
        error = answer.json["error"]
        check("max_rows 3 takes the first 3" in error["message"], error)
        check(error["param"] == "max_rows", error)
        report(
            put(s, "vectors.txt", text, query="?max_rows=3"),
            format="text",
            rows=3,
            kept=3,
            skipped=1,
        )
        report(
            put(s, "vectors.txt", "1 1\na 1\nb 2\nc 3\n", query="?max_rows=2"),
            format="text",
            rows=2,
            kept=2,
            skipped=None,
        )
        lines = ["5000 8"]
        for i in range(5000):
            lines.append("w%d " % i + " ".join("%d.%d" % (i * j % 97, i % 89) for j in range(8)))
        cut = gzip.compress("\n".join(lines).encode())
        cut = cut[: len(cut) // 2]
        put(s, "vectors.txt.gz", cut, 400)
        report(
            put(s, "vectors.txt.gz", cut, query="?max_rows=1000"),
            format="text",
            rows=1000,
            kept=1000,
            skipped=4000,
        )
        for bad in ("0", "-1", "x", "4294967295", ""):
            check(s.put(FILES + "vectors.txt?max_rows=" + bad, text).status == 422, bad)


def untouched(s):
    """Nothing was published and nothing lies about."""
    check(s.get("/v1/models").json["data"] == [], "a model is there")
    wait_until(lambda: not s.leftovers(), lambda: "left over: %s" % s.leftovers())
    models = os.path.join(s.data, "models")
    check(not os.path.isdir(models) or os.listdir(models) == [], "a folder is left")


MANY = "".join("w%d 1.5 2.5 3.5 4.5\n" % i for i in range(100000))


def test_failures_leave_nothing():
    with Service() as s:
        middle = len(MANY) // 2
        middle = MANY.index("\n", middle) + 1
        for row in ("bad 1.5 2.5\n", "bad 1 2 3 x\n", "bad 1 2 3 nan\n", "\n"):
            answer = s.put(FILES + "vectors.txt", MANY[:middle] + row + MANY[middle:])
            check(answer.status in (400, 422), answer)
            check("line 5" in answer.json["error"]["message"], answer)
            untouched(s)
        body = binary([b"a", b"b"], [[1.0, 2.0], [3.0, float("inf")]])
        put(s, "vectors.bin", body, 422)
        untouched(s)
        put(s, "vectors.bin", body[:-5], 400)
        untouched(s)
        # a client that goes away in the middle of its file
        for head in ("Content-Length: %d" % len(MANY), "Transfer-Encoding: chunked"):
            with socket.create_connection(("127.0.0.1", s.port)) as client:
                part = MANY[:500000]
                if "chunked" in head:
                    part = "%x\r\n%s\r\n" % (len(part), part)
                request = "PUT %svectors.txt HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n\r\n%s"
                client.sendall((request % (FILES, head, part)).encode())
                wait_until(s.leftovers, lambda: "the file is not being stored")
            untouched(s)
    with Service("--reserve-disk", str(1 << 62)) as s:  # no room at all
        check(s.put(FILES + "vectors.txt", MANY).status == 507, "no room")
        untouched(s)


def cli(*arguments, code=0):
    done = subprocess.run([VECMILL, *arguments], capture_output=True, check=False)
    check(done.returncode == code, arguments, done.returncode, done.stderr)
    return done.stdout.decode(), done.stderr.decode()


def test_command_line():
    folder = tempfile.mkdtemp(prefix="vecmill-imports-")
    try:
        text, model = os.path.join(folder, "v.vec"), os.path.join(folder, "model")

        def write(data):
            with open(text, "w", encoding="utf-8", newline="") as file:
                file.write(data)

        write("5 2\r\n<s> 1 2\r\nNew York 3 4\r\n<s> 5 6\r\nb 1 2\r\n<s> 1 1\r\n")
        out, _ = cli("import", text, "--output", model)
        check(
            out.split("\n")[1] == "rows: 5 read as text, 3 kept, 2 duplicates left out ('<s>'), "
            "1 word with white space",
            out,
        )
        check(cli("lookup", model, "New York")[0] == "New York 3 4\n", "looked up")
        shutil.rmtree(model)
        write("3 2\na 1 2\nb 3 4\n")
        _, error = cli("import", text, "--output", model, code=1)
        check("max_rows 2 takes the first 2" in error, error)
        check(not os.path.exists(model), "a folder is left behind")
        out, _ = cli("import", text, "--output", model, "--max-rows", "2")
        check("rows: 2 read as text, 2 kept, 1 behind them left out\n" in out, out)
        out, _ = cli("import", text, "--output", model, "--max_rows=1")
        check("rows: 1 read as text, 1 kept, 2 behind them left out\n" in out, out)
        cli("import", text, "--output", model, "--max-rows", "0", code=2)
        out, _ = cli("import", "--help")
        for part in ("--max-rows", "GloVe", "last dim fields are the vector", "float32"):
            check(part in re.sub(r"\s+", " ", out), part)
    finally:
        shutil.rmtree(folder)


ODD = (
    "plain|New York|at name@domain.example|. . .|\fChapter|\v|new\u00a0york|\u3000|\u2028|a\x00b|12"
    "|-0.5|nan|1e5| lead|\u00e9|e\u0301|\ufeff|Windows 95|東京 タワー"
).split("|")


def test_gensim_files():
    if gensim is None:
        print("SKIPPED: gensim is not here, so WHAT IT WRITES WAS NOT CHECKED", flush=True)
        return
    import numpy
    from gensim.models import KeyedVectors

    folder = tempfile.mkdtemp(prefix="vecmill-imports-")
    try:
        for dim in (1, 3, 50):
            matrix = numpy.random.default_rng(dim).normal(size=(len(ODD), dim)).astype("f4")
            vectors = KeyedVectors(dim)
            vectors.add_vectors(ODD, matrix)
            for name, options in (
                ("v.txt", dict(binary=False)),
                ("v.bin", dict(binary=True)),
                ("v.txt.gz", dict(binary=False)),
                ("headless.txt", dict(binary=False, write_header=False)),
            ):
                path, model = os.path.join(folder, name), os.path.join(folder, "model")
                words = ODD
                if "bin" in name:  # there a word ends at its first space
                    words = [word for word in ODD if " " not in word]
                    vectors = KeyedVectors(dim)
                    vectors.add_vectors(words, matrix[: len(words)])
                else:
                    vectors = KeyedVectors(dim)
                    vectors.add_vectors(words, matrix)
                vectors.save_word2vec_format(path, **options)
                out, _ = cli("import", path, "--output", model)
                kind = "binary" if "bin" in name else "text"
                told = "rows: %d read as %s, %d kept" % (len(words), kind, len(words))
                check(told in out, name, out)
                cli("export", model, "--output", os.path.join(folder, "vectors.npy"))
                back = numpy.load(os.path.join(folder, "vectors.npy"))
                order = vectors.index_to_key
                check(order == words, "gensim keeps the order")
                check(numpy.array_equal(back, vectors.vectors), "the numbers of " + name)
                for i, word in enumerate(words):
                    if "\0" in word:
                        continue  # no argument holds a NUL
                    line = cli("lookup", model, "--", word)[0]
                    check(line.startswith(word + " "), name, repr(word), line)
                    row = numpy.array(line[len(word) + 1 :].split(" "), dtype="f4")
                    check(numpy.array_equal(row, matrix[i]), name, repr(word))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(
        run_tests(
            [
                test_text,
                test_binary,
                test_max_rows,
                test_failures_leave_nothing,
                test_command_line,
                test_gensim_files,
            ]
        )
    )
