#!/usr/bin/env python3
"""Models against the running program: imports, the card, files, versions, limits, a trained one.

VECMILL names the program. e2e_vectors.py and e2e_search.py ask models for their contents."""

import gzip
import http.client
import json
import math
import os
import random
import re
import shutil
import struct
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import models_client
from models_client import (
    E,
    Server,
    WORDS,
    binary_file,
    bits,
    check,
    check_rows,
    decode_npy,
    equal,
    near,
    random_model,
    text_file,
)


def test_import(server):
    equal(server.get("/v1/models").json(), {"object": "list", "data": []}, "no models yet")
    answer = server.ask("PUT", "/v1/models/table/files/vectors.txt", text_file(WORDS, E))
    equal(answer.status, 201, f"import ({answer.body!r})")
    equal(answer.headers["Location"], "/v1/models/table", "Location of an import")
    card = answer.json()
    equal(
        (card["id"], card["object"], card["dim"], card["words"]),
        ("table", "model", 2, 4),
        "card of an import",
    )
    words, rows = random_model()
    for file, body in (
        ("vectors.bin", binary_file(words, rows)),
        ("vectors.txt.gz", gzip.compress(text_file(words, rows).encode())),
        ("vectors.bin.gz", gzip.compress(binary_file(words, rows))),
    ):
        answer = server.ask("PUT", f"/v1/models/wide/files/{file}", body)
        equal(answer.status, 201, f"import of {file} ({answer.body!r})")
        check_rows(server, words, rows)
    answer = server.ask(
        "PUT",
        "/v1/models/wide/files/vectors.bin",
        gzip.compress(binary_file(words, rows)),
        {"Content-Encoding": "gzip"},
    )
    equal(answer.status, 201, f"import under Content-Encoding ({answer.body!r})")
    check_rows(server, words, rows)
    listed = server.get("/v1/models").json()
    equal([entry["id"] for entry in listed["data"]], ["table", "wide"], "list")
    for entry in listed["data"]:
        equal((entry["object"], entry["owned_by"]), ("model", "vecmill"), "OpenAI's members")
        check(isinstance(entry["created"], int), "created is in whole seconds")
    for file, body, status in (
        ("vectors.txt", "2 2\nking 1\n", 400),
        ("vectors.txt", "", 400),
        ("vectors.bin", binary_file(WORDS, E)[:-5], 400),
        ("vectors.txt", "2 2\nking 1 2\nqueen 3 inf\n", 422),
        ("vectors.txt", "1 2\nking nan 2\n", None),
    ):
        answer = server.ask("PUT", f"/v1/models/bad/files/{file}", body)
        check(
            answer.status in ((status,) if status else (400, 422)),
            f"import of {body!r}: {answer.status} {answer.body!r}",
        )
        check("message" in answer.json()["error"], "an import's refusal says why")
    server.error("PUT", "/v1/models/bad/files/model.vecmill", "x", 422, "file", "vectors.txt")
    server.error("PUT", "/v1/models/bad/files/vectors.txt?x=1", "x", 422, "x")
    server.error("PUT", "/v1/models/.bad/files/vectors.txt", "x", 422, "model")
    server.error("GET", "/v1/models/bad", None, 404, "model", "no model 'bad'")


def test_card(server):
    card = server.get("/v1/models/wide").json()
    equal(
        (card["dim"], card["words"], card["shards"], card["partition"]), (7, 200, 1, "mod"), "card"
    )
    check(re.fullmatch(r"sha256:[0-9a-f]{64}", card["digest"]), "digest")
    for member in ("settings", "corpus_digest", "training", "files", "max_norm", "version"):
        check(member in card, f"{member} is on the card")
    error = server.error("GET", "/v1/models/wied", None, 404, "model", "no model 'wied'")
    equal((error["code"], error["suggestions"]), ("model_not_found", ["wide"]), "near names")
    server.error("GET", "/v1/models/wide?x", None, 422, "x", "unknown query key")


def test_files(server):
    path = "/v1/models/table/files/"
    answer = server.get(path + "vectors.txt")
    lines = answer.body.decode().splitlines()
    equal((lines[0], lines[1]), ("4 2", "king 1 2"), "vectors.txt")
    tag = answer.headers["ETag"]
    check(re.fullmatch(r'"[^"]+"', tag), f"a strong tag: {tag}")
    equal(answer.headers.get("Accept-Ranges"), "bytes", "Accept-Ranges")
    check("Content-Encoding" not in answer.headers, "never re-encoded")
    equal(server.get(path + "vectors.txt").headers["ETag"], tag, "the tag stays")
    equal(server.get(path + "vectors.txt", 304, {"If-None-Match": tag}).body, b"", "304")
    part = server.get(path + "vectors.txt", 206, {"Range": "bytes=4-7"})
    equal(
        (part.body, part.headers["Content-Range"]),
        (answer.body[4:8], f"bytes 4-7/{len(answer.body)}"),
        "206",
    )
    equal(
        server.get(path + "vectors.txt", 206, {"Range": "bytes=-3"}).body,
        answer.body[-3:],
        "the last bytes",
    )
    equal(
        server.get(path + "vectors.txt", 206, {"Range": "bytes=4-7", "If-Range": tag}).body,
        answer.body[4:8],
        "If-Range fits",
    )
    equal(
        server.get(path + "vectors.txt", 200, {"Range": "bytes=4-7", "If-Range": '"x"'}).body,
        answer.body,
        "If-Range does not",
    )
    answer416 = server.get(path + "vectors.txt", 416, {"Range": f"bytes={len(answer.body)}-"})
    equal(answer416.headers["Content-Range"], f"bytes */{len(answer.body)}", "416 tells the size")
    head = server.ask("HEAD", path + "vectors.txt")
    equal(
        (head.status, head.body, head.headers["Content-Length"]),
        (200, b"", str(len(answer.body))),
        "HEAD",
    )
    unit = server.get(path + "vectors.txt?normalize=true")
    check(unit.headers["ETag"] != tag, "other options, other tag")
    near(
        [float(value) for value in unit.body.split()[3:5]],
        [1 / math.sqrt(5), 2 / math.sqrt(5)],
        "normalize",
    )
    centred = server.get(path + "vectors.txt?subtract_mean=1")
    near(
        [float(value) for value in centred.body.split()[3:5]],
        [1 - -0.375, 2 - 1.5625],
        "subtract_mean",
    )
    equal(server.get(path + "vectors.bin").body.count(b"\n") >= 1, True, "vectors.bin")
    equal(
        gzip.decompress(server.get(path + "vectors.txt.gz").body), answer.body, "gz holds the same"
    )
    equal(
        gzip.decompress(server.get(path + "vectors.bin.gz").body),
        server.get(path + "vectors.bin").body,
        "bin.gz",
    )
    equal(
        decode_npy(server.get(path + "vectors.npy").body),
        ((4, 2), b"".join(bits(row) for row in E)),
        "vectors.npy",
    )
    body = server.get(path + "model.safetensors").body
    length = struct.unpack("<Q", body[:8])[0]
    begin, end = json.loads(body[8 : 8 + length])["embeddings"]["data_offsets"]
    equal(
        body[8 + length + begin : 8 + length + end],
        b"".join(bits(row) for row in E),
        "model.safetensors",
    )
    for file in server.get("/v1/models/table").json()["files"]:
        check(len(server.get(path + file).body) > 0, f"{file} is there")
    words, rows = random_model()
    equal(
        server.get("/v1/models/wide/files/vectors.npy").body[-len(words) * 28 :],
        b"".join(bits(row) for row in rows),
        "bits of an export",
    )
    back = server.get("/v1/models/wide/files/vectors.txt").body
    equal(
        server.ask("PUT", "/v1/models/again/files/vectors.txt", back).status,
        201,
        "an export is an import",
    )
    equal(server.get("/v1/models/again/files/vectors.txt").body, back, "round trip")
    equal(server.ask("DELETE", "/v1/models/again").status, 200, "delete")
    error = server.error("GET", path + "vectors.csv", None, 404, "file", "no file 'vectors.csv'")
    check("vectors.npy" in error["available"], "404 lists what exists")
    server.error("GET", "/v1/models/again", None, 404, "model")
    server.error("GET", path + "vectors.txt?normalise=1", None, 422, "normalise")
    server.error("GET", path + "vectors.txt?normalize=maybe", None, 422, "normalize")


def test_versions(server):
    listed = server.get("/v1/models/wide/versions").json()
    equal((listed["object"], len(listed["data"])), ("list", 4), "versions kept")
    equal(
        [entry["current"] for entry in listed["data"]],
        [True, False, False, False],
        "the newest is served",
    )
    equal(
        server.ask("PUT", "/v1/models/switch/files/vectors.txt", "1 1\na 1\n").status,
        201,
        "first version",
    )
    first = server.get("/v1/models/switch").json()["version"]
    equal(
        server.ask("PUT", "/v1/models/switch/files/vectors.txt", "1 1\na 2\n").status,
        201,
        "second version",
    )
    value = lambda: server.get("/v1/models/switch/embeddings?word=a").json()["data"][0]["vector"]
    equal(value(), [2], "the new version is served at once")
    card = server.post(f"/v1/models/switch/versions/{first}/activate", None).json()
    equal((card["version"], value()), (first, [1]), "roll back")
    server.error(
        "POST",
        "/v1/models/switch/versions/none/activate",
        None,
        404,
        "version",
        "no version or label 'none'",
    )
    server.error("POST", f"/v1/models/none/versions/{first}/activate", None, 404, "model")
    return first


def test_limits():
    """Batches and k end at their settings, and the refusal names the setting."""
    folder = tempfile.mkdtemp(prefix="vecmill-e2e-")
    server = Server(
        folder,
        "--max-batch",
        "3",
        "--max-neighbors",
        "2",
        "--max-models",
        "1",
        "--max-versions",
        "2",
        "--max-import-bytes",
        "2048",
    )
    try:
        for _ in range(3):
            equal(
                server.ask("PUT", "/v1/models/table/files/vectors.txt", text_file(WORDS, E)).status,
                201,
                "import",
            )
        equal(len(server.get("/v1/models/table/versions").json()["data"]), 2, "max_versions")
        server.error(
            "PUT",
            "/v1/models/other/files/vectors.txt",
            text_file(WORDS, E),
            409,
            "max_models",
            "max_models is 1",
        )
        path = "/v1/models/table/"
        equal(
            len(server.post(path + "embeddings", {"ids": [0, 1, 2]}).json()["data"]),
            3,
            "as many as allowed",
        )
        server.error(
            "POST", path + "embeddings", {"ids": [[0, 1], [2, 3]]}, 422, "ids/1/1", "max_batch"
        )
        server.error(
            "POST",
            path + "embeddings",
            {"ids": [[], [], [], []], "combiner": "sum"},
            422,
            "ids",
            "max_batch",
        )
        server.error("GET", path + "embeddings?id=0&id=0&id=0&id=0", None, 422, "word", "max_batch")
        server.error(
            "POST",
            path + "neighbors",
            {"queries": [{"id": 0}] * 4},
            422,
            "queries",
            "between 1 and 3",
        )
        server.error("GET", path + "neighbors?id=0&k=3", None, 422, "k", "between 1 and 2")
        server.error("POST", path + "similarity", {"pairs": [["king", "man"]] * 4}, 422, "pairs")
        server.error("GET", path + "words?limit=4", None, 422, "limit")
        server.error(
            "POST",
            "/v1/embeddings",
            {"model": "table", "input": ["king"] * 4},
            400,
            "input",
            "between 1 and 3",
        )
        big = text_file([f"w{i}" for i in range(500)], [[0.25, 0.5]] * 500)
        for body, headers in (
            (big, {}),
            (gzip.compress(big.encode()), {"Content-Encoding": "gzip"}),
            (gzip.compress(big.encode()), {}),
        ):
            answer = server.ask("PUT", "/v1/models/table/files/vectors.txt", body, headers)
            equal(answer.status, 413, f"max_import_bytes ({answer.body!r})")
        answer = server.ask(
            "PUT", "/v1/models/table/files/vectors.txt", b"x", {"Content-Encoding": "br"}
        )
        equal(answer.status, 415, f"an unknown encoding ({answer.body!r})")
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.putrequest("PUT", "/v1/models/table/files/vectors.txt")
        connection.putheader("Content-Length", "100")
        connection.endheaders()
        connection.send(b"4 2\nking")
        connection.close()  # a client that vanishes leaves nothing behind
        equal(
            len(server.get("/v1/models/table/versions").json()["data"]),
            2,
            "refused imports publish nothing",
        )
        equal(server.stop(), 0, "exit status")
        left = [
            name for name in os.listdir(os.path.join(folder, "models")) if name.startswith(".tmp-")
        ]
        equal(left, [], "refused imports leave nothing behind")
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_trained(server):
    """What an import has not: counts, shards, settings, a default max_norm, its own tokenizer."""
    generator = random.Random(3)
    words = ["Sun", "Moon", "Star", "Sky", "Sea", "Land", "Tree"]
    corpus = (
        "\n".join(
            " ".join(generator.choices(words, [7, 6, 5, 4, 3, 2, 1], k=8)) for _ in range(400)
        )
        + "\n"
    )
    query = (
        "dim=6&epochs=2&min_count=1&shards=3&partition=div&max_norm=0.01&tokenizer=unicode"
        "&sampler=unigram&threads=1"
    )
    answer = server.ask(
        "POST", f"/v1/models/trained/train?{query}", corpus, {"Content-Type": "text/plain"}
    )
    equal(answer.status, 202, f"train ({answer.body!r})")
    server.service.wait(answer.json()["id"], "succeeded")
    card = server.get("/v1/models/trained").json()
    equal(
        (card["dim"], card["words"], card["shards"], card["partition"], card["max_norm"]),
        (6, 7, 3, "div", 0.01),
        "card",
    )
    equal(
        (card["settings"]["dim"], card["settings"]["sampler"], card["settings"]["tokenizer"]),
        (6, "unigram", "unicode"),
        "settings on the card",
    )
    equal(card["corpus"]["words"], 3200, "words of the corpus")
    rows = server.post(
        "/v1/models/trained/embeddings", {"ids": list(range(7)), "max_norm": 0}
    ).json()["data"]
    equal(
        [(row["shard"], row["row"]) for row in rows],
        [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0), (2, 1)],
        "div",
    )
    equal(sum(row["count"] for row in rows), 3200, "counts")
    check(all(a["count"] >= b["count"] for a, b in zip(rows, rows[1:])), "most frequent first")
    clipped = server.post("/v1/models/trained/embeddings", {"ids": list(range(7))}).json()["data"]
    for row, cut in zip(rows, clipped):
        norm = math.sqrt(sum(value * value for value in row["vector"]))
        near(
            cut["vector"],
            [value * min(1, 0.01 / norm) for value in row["vector"]],
            "the model's own max_norm",
            1e-7,
        )
    one = server.post("/v1/embeddings", {"model": "trained", "input": "SUN, moon!"}).json()
    check(one["usage"]["prompt_tokens"] >= 2, "tokens by the model's own tokenizer")
    rank = {row["word"]: row for row in clipped}
    mean = [(a + b) / 2 for a, b in zip(rank["sun"]["vector"], rank["moon"]["vector"])]
    norm = math.sqrt(sum(value * value for value in mean))
    near(
        one["data"][0]["embedding"],
        [value / norm for value in mean],
        "the mean of two tokens at length 1",
    )
    drawn = server.post(
        "/v1/models/trained/candidates", {"num_sampled": 5, "unique": False, "seed": 1}
    ).json()
    total = sum(row["count"] ** 0.75 for row in rows)
    near(
        drawn["expected"],
        [5 * rows[i]["count"] ** 0.75 / total for i in drawn["sampled"]],
        "the model's own sampler",
    )


def main():
    folder = tempfile.mkdtemp(prefix="vecmill-e2e-")
    server = Server(folder)
    try:
        for test in (test_import, test_card, test_files):
            test(server)
            print(f"{test.__name__}: ok")
        test_limits()
        test_trained(server)
        first = test_versions(server)
        equal(server.stop(), 0, "exit status")
        server = Server(folder)
        equal(
            server.get("/v1/models/switch").json()["version"],
            first,
            "the activated version survives a restart",
        )
        deleted = server.ask("DELETE", "/v1/models/switch")
        equal(deleted.json(), {"id": "switch", "object": "model", "deleted": True}, "delete")
        server.error("GET", "/v1/models/switch", None, 404, "model")
        server.error("DELETE", "/v1/models/switch", None, 404, "model")
        equal(
            server.ask("PUT", "/v1/models/stuck/files/vectors.txt", "1 1\na 1\n").status,
            201,
            "one more",
        )
        version = server.get("/v1/models/stuck").json()["version"]
        equal(server.stop(), 0, "exit status")
        # What cannot be loaded is set aside; where that cannot be, it stays and is not served, and
        # can be deleted all the same.
        file = os.path.join(folder, "models", "stuck", version, "model.vecmill")
        os.remove(file)
        os.mkdir(file)
        with open(os.path.join(folder, "quarantine"), "w"):
            pass
        server = Server(folder)
        server.error("GET", "/v1/models/stuck", None, 404, "model")
        check(os.path.isdir(file), "what cannot be moved is kept")
        equal(server.ask("DELETE", "/v1/models/stuck?now=1").status, 422, "an unknown query key")
        equal(
            server.ask("DELETE", "/v1/models/stuck").json(),
            {"id": "stuck", "object": "model", "deleted": True},
            "delete",
        )
        check(not os.path.exists(os.path.join(folder, "models", "stuck")), "gone from the disk")
        error = server.error("DELETE", "/v1/models/wid", None, 404, "model")
        equal((error["code"], error["suggestions"]), ("model_not_found", ["wide"]), "suggestions")
        equal(server.stop(), 0, "exit status")
        log = "".join(server.lines)
        equal(
            [log.count(word) for word in ("listening on", "stopping", "stopped")],
            [1, 1, 1],
            "each said once",
        )
        left = [
            name
            for _, folders, files in os.walk(folder)
            for name in folders + files
            if name.startswith(".tmp-")
        ]
        equal(left, [], "temporary files left behind")
        print(f"e2e_models: {models_client.CHECKS} checks passed")
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
