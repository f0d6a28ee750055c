#!/usr/bin/env python3
"""Versions and labels: whatever may be asked of a model may be asked of one of its versions; labels
last; deleting a version frees what it took; imports with an Idempotency-Key; digests of answers.

VECMILL names the program."""

import base64
import hashlib
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from service import Service, check, expect, run_tests, wait_until

M = "/v1/models/m"


def vectors(mark):
    return "3 2\nking %d 1\nqueen 2 1\nman 3 1\n" % mark


def put(s, mark, headers=None, model="m"):
    answer = s.put("/v1/models/%s/files/vectors.txt" % model, vectors(mark), headers)
    return expect(answer, 201).json["version"]


def mark_of(s, path):
    answer = expect(s.get(path + "/embeddings?word=king"), 200).json
    return round(answer["data"][0]["vector"][0])


def label(s, name, version, status=200):
    return expect(s.call("PUT", M + "/labels/" + name, {"version": version}), status)


def digest_of(body):
    return "sha-256=:%s:" % base64.b64encode(hashlib.sha256(body).digest()).decode()


def read_calls(s):
    """Every call that only asks a model, from the OpenAPI document: what is under a model and its
    twin under a version."""
    paths = expect(s.get("/openapi.json"), 200).json["paths"]
    start, twin = "/v1/models/{model}", "/v1/models/{model}/versions/{version}"
    found = {}
    for path, methods in paths.items():
        if not path.startswith(start) or path.startswith(start + "/labels"):
            continue
        if path.startswith(start + "/versions"):
            continue
        rest = path[len(start) :]
        for method in methods:
            if method in ("get", "post"):
                found[(method, rest)] = method in paths.get(twin + rest, {})
    return found


def test_every_question_of_a_version():
    with Service() as s:
        calls = read_calls(s)
        check(len(calls) > 8, calls)
        without = sorted(rest for (method, rest), there in calls.items() if not there)
        check(without == ["/train"], "cannot be asked of a version:", without)
        old, new = put(s, 1), put(s, 7)
        body = {
            "/embeddings": {"words": ["king"]},
            "/neighbors": {"queries": [{"word": "king"}]},
            "/analogy": {"positive": ["king"], "negative": []},
            "/similarity": {"pairs": [["king", "man"]]},
            "/odd-one-out": {"words": ["king", "queen", "man"]},
            "/candidates": {"num_sampled": 1},
        }
        for rest, document in body.items():
            for version in (old, new):
                answer = expect(s.post("%s/versions/%s%s" % (M, version, rest), document), 200)
                check(answer.json["version"] == version, rest, answer)
        for rest in ("", "/words", "/neighbors?word=king", "/embeddings?word=king"):
            for version in (old, new):
                answer = expect(s.get("%s/versions/%s%s" % (M, version, rest)), 200)
                check(answer.json["version"] == version, rest, answer)
        check(mark_of(s, M) == 7 and mark_of(s, M + "/versions/" + old) == 1, "the vectors")
        for version, mark in ((old, b"king 1 1"), (new, b"king 7 1")):
            answer = expect(s.get("%s/versions/%s/files/vectors.txt" % (M, version)), 200)
            check(mark in answer.body, answer)
            check(answer.headers["Repr-Digest"] == digest_of(answer.body), answer.headers)
            ranged = s.get(
                "%s/versions/%s/files/vectors.txt" % (M, version), headers={"Range": "bytes=2-5"}
            )
            check(ranged.status == 206 and ranged.body == answer.body[2:6], ranged)
            check(ranged.headers["Repr-Digest"] == digest_of(answer.body), ranged.headers)
        pairs = "king\tman\t1\nqueen\tman\t2\n"
        expect(s.post("%s/versions/%s/evaluate?set=similarity" % (M, old), pairs), 200)
        expect(s.get(M + "/versions/none/words"), 404, "no version or label 'none'")
        expect(s.get("/v1/models/x/versions/none/words"), 404, "no model 'x'")
        expect(s.get("%s/versions/%s/nothing" % (M, old)), 404)
        refused = expect(s.put("%s/versions/%s/words" % (M, old), "x"), 405)
        check("GET" in refused.headers["Allow"], refused.headers)
        card = expect(s.get("%s/versions/%s" % (M, old)), 200).json
        check(card["id"] == "m" and card["version"] == old, card)


def test_labels():
    with Service("--max-versions", "2", "--max-labels", "2") as s:
        first = put(s, 1)
        check(label(s, "stable", first).json["version"] == first, "label")
        second = put(s, 2)
        label(s, "canary", "stable")
        check(expect(s.get(M + "/labels/canary"), 200).json["version"] == first, "by a label")
        label(s, "canary", second)
        check(mark_of(s, M + "/versions/stable") == 1, "stable")
        check(mark_of(s, M + "/versions/canary") == 2, "canary")
        label(s, "third", second, 409)
        label(s, "canary", "none", 404)
        label(s, "-x", first, 422)
        label(s, first, second, 409)
        expect(s.call("PUT", M + "/labels/stable", {}), 422, "version is missing")
        expect(s.call("PUT", M + "/labels/stable", {"version": 1}), 422)
        expect(s.call("PUT", "/v1/models/x/labels/stable", {"version": first}), 404, "no model")
        for mark in range(3, 8):
            put(s, mark)
        # Those with labels are kept beside the two.
        rows = expect(s.get(M + "/versions"), 200).json["data"]
        check({first, second} < {row["id"] for row in rows} and len(rows) == 4, rows)
        check([row["labels"] for row in rows if row["id"] == first] == [["stable"]], rows)
        s.kill()
        s.start()
        check(mark_of(s, M + "/versions/stable") == 1, "stable after a kill")
        listed = expect(s.get(M + "/labels"), 200).json["data"]
        found = [(row["label"], row["version"]) for row in listed]
        check(found == [("canary", second), ("stable", first)], listed)
        card = expect(s.get(M + "/versions/stable"), 200).json
        check(card["version_labels"] == ["stable"], card)
        expect(s.post(M + "/versions/stable/activate"), 200)
        check(mark_of(s, M) == 1, "activated by a label")
        expect(s.delete(M + "/labels/canary"), 204)
        expect(s.delete(M + "/labels/canary"), 404)
        expect(s.get(M + "/labels/canary"), 404, "no label 'canary'")
        expect(s.get(M + "/versions/canary/words"), 404)
        # A damaged file of labels is set aside, and keeps nobody from being served.
        s.stop()
        with open(os.path.join(s.data, "models/m/labels.json"), "r+b") as file:
            file.seek(5)
            file.write(b"\xff")
        s.start()
        check(mark_of(s, M) == 1, "served")
        check(expect(s.get(M + "/labels"), 200).json["data"] == [], "labels")
        check("labels.json" in s.get("/readyz").body.decode(), "warned")
        expect(s.delete(M), 200)
        put(s, 1)
        check(expect(s.get(M + "/labels"), 200).json["data"] == [], "labels of a deleted model")


def test_openai_by_label():
    with Service() as s:
        old, new = put(s, 1), put(s, 7)
        label(s, "stable", old)
        for model, version in (("m", new), ("m@stable", old), ("m@" + old, old), ("m@" + new, new)):
            answer = expect(s.post("/v1/embeddings", {"model": model, "input": "king queen"}), 200)
            check(answer.json["version"] == version and answer.json["model"] == "m", answer)
        for model in ("m@none", "m@", "@stable", "x@stable", "m@stable@stable", "m:stable"):
            answer = expect(s.post("/v1/embeddings", {"model": model, "input": "king"}), 404)
            check("error" in answer.json, answer)


def test_delete_a_version():
    with Service("--max-versions-loaded", "1") as s:
        old, labelled, new = put(s, 1), put(s, 2), put(s, 3)
        label(s, "stable", labelled)
        path = M + "/versions/"
        expect(s.delete(path + new), 409, "activate another one first")
        expect(s.delete(path + labelled), 409, "has the label 'stable'")
        expect(s.delete(path + "stable"), 409, "is a label")
        expect(s.delete(path + "none"), 404)
        expect(s.delete("/v1/models/x/versions/none"), 404, "no model 'x'")
        check(mark_of(s, path + old) == 1 and mark_of(s, path + labelled) == 2, "asked")
        expect(s.get(path + old + "/files/vectors.bin"), 200)
        expect(s.delete(path + old), 204)
        expect(s.get(path + old), 404)
        check(not os.path.exists(os.path.join(s.data, "models/m", old)), "its folder")
        s.kill()
        s.start()
        expect(s.get(path + old), 404)
        expect(s.post(path + labelled + "/activate"), 200)
        expect(s.delete(path + new), 204)
        check(mark_of(s, M) == 2, "served")
        check([row["id"] for row in s.get(M + "/versions").json["data"]] == [labelled], "left")


def models_memory(s):
    for line in s.get("/metrics").body.decode().splitlines():
        if line.startswith("vecmill_memory_bytes{kind=\"models\"}"):
            return float(line.split()[-1])
    raise AssertionError("no metric")


def test_memory():
    """A version is loaded when it is asked for, and gives way when there is no room."""
    big = "3000 200\n" + "".join("w%d%s\n" % (i, " 1" * 200) for i in range(3000))
    with Service("--max-versions-loaded", "2") as s:
        ids = [
            expect(s.put(M + "/files/vectors.txt", big), 201).json["version"] for _ in range(4)
        ]
        one = models_memory(s)
        for version in ids:
            expect(s.get("%s/versions/%s/words?limit=1" % (M, version)), 200)
        wait_until(lambda: models_memory(s) < 3.5 * one, lambda: "%s" % models_memory(s))
        check(models_memory(s) > 2.5 * one, "two of them are kept", models_memory(s), one)
        s.stop()
        s.options += ["--memory-budget", str(int(2.6 * one / 0.875))]
        s.start()
        for _ in range(2):
            for version in ids:
                expect(s.get("%s/versions/%s/words?limit=1" % (M, version)), 200)
        check(models_memory(s) < 2.7 * one, models_memory(s), one)
        # Nobody keeps a model from being published or activated.
        expect(s.post("%s/versions/%s/activate" % (M, ids[0])), 200)
        s.stop()
        s.options[-1] = str(int(1.3 * one / 0.875))
        s.start()
        expect(s.get(M + "/words?limit=1"), 200)
        answer = expect(s.get("%s/versions/%s/words?limit=1" % (M, ids[3])), 503, "memory_budget")
        check(answer.json["error"]["code"] == "no_memory", answer)
        expect(s.get(M + "/words?limit=1"), 200)


def test_idempotent_imports():
    with Service() as s:
        key = {"Idempotency-Key": "k-1"}
        file = M + "/files/vectors.txt"
        first = expect(s.put(file, vectors(1), key), 201)
        check("Idempotent-Replayed" not in first.headers, first.headers)
        again = expect(s.put(file, vectors(1), key), 201)
        check(again.headers["Idempotent-Replayed"] == "true", again.headers)
        check(again.json == first.json, again)
        newer = put(s, 2)
        s.kill()
        s.start()
        again = expect(s.put(file, vectors(1), key), 201)
        check(again.json["version"] == first.json["version"], again)
        check(expect(s.get(M), 200).json["version"] == newer, "a replay serves nothing anew")
        expect(s.put(file, vectors(3), key), 422, "Idempotency-Key")
        expect(s.put(file + "?max_rows=2", vectors(1), key), 422, "Idempotency-Key")
        expect(s.put(file, vectors(1), {"Idempotency-Key": "has space"}), 400)
        check(len(s.get(M + "/versions").json["data"]) == 2, "versions")
        # A refused import takes no key.
        bad = {"Idempotency-Key": "k-2"}
        expect(s.put(file, "a 1\nb x\n", bad), 400)
        expect(s.put(file, vectors(4), bad), 201)
        # Another model, another key.
        check(put(s, 1, key, model="n") != first.json["version"], "another model")


def test_digests():
    with Service() as s:
        body = vectors(5).encode()
        other = digest_of(body + b"x")
        file = M + "/files/vectors.txt"
        for field in ("Repr-Digest", "Content-Digest"):
            answer = expect(s.put(file, body, {field: other}), 400, field)
            check(digest_of(body) in answer.json["error"]["message"], answer)
            expect(s.put("/v1/corpora/c", body, {field: other}), 400, field)
            expect(s.post(M + "/train", body, headers={field: other}), 400, field)
            expect(s.put("/v1/corpora/c", body, {field: "sha-256=abc"}), 400, field)
            expect(s.put("/v1/corpora/c", body, {field: "md5=:kAFQmDzST7DWlj99KOF/cg==:"}), 422)
        expect(s.get(M), 404)
        expect(s.get("/v1/corpora/c"), 404)
        check(expect(s.get("/v1/jobs"), 200).json["data"] == [], "no job")
        s.check_tidy()
        good = {"Repr-Digest": digest_of(body), "Content-Digest": digest_of(body)}
        expect(s.put(file, body, good), 201)
        expect(s.put("/v1/corpora/c", body, good), 201)
        import gzip

        packed = gzip.compress(b"a b c\n" * 100)
        encoded = {"Content-Encoding": "gzip", "Repr-Digest": digest_of(packed)}
        expect(s.put("/v1/corpora/z", packed, encoded), 201)
        text = expect(s.get("/v1/corpora/z/content"), 200)
        check(text.body == b"a b c\n" * 100, text)
        check(text.headers["Repr-Digest"] == digest_of(text.body), text.headers)
        part = s.get("/v1/corpora/z/content", headers={"Range": "bytes=1-3"})
        check(part.status == 206 and part.body == b" b ", part)
        expect(s.get("/v1/corpora/none/content"), 404)
        # JSON, too, where it is meant to be checked.
        job = json.dumps({"words": ["king"]}).encode()
        headers = {"Content-Type": "application/json", "Content-Digest": digest_of(job)}
        expect(s.post(M + "/embeddings", job, headers=headers), 200)
        headers["Content-Digest"] = other
        expect(s.post(M + "/embeddings", job, headers=headers), 400, "Content-Digest")
        wanted = s.get(M + "/words", headers={"Want-Repr-Digest": "sha-256=1"})
        check(wanted.headers["Repr-Digest"] == digest_of(wanted.body), wanted.headers)
        wanted = s.get(M + "/words", headers={"Want-Repr-Digest": "sha-512=10, sha-256=3"})
        check(wanted.headers["Repr-Digest"].startswith("sha-512=:"), wanted.headers)
        for none in ("sha-256=0", "md5=3"):
            answer = s.get(M + "/words", headers={"Want-Repr-Digest": none})
            check("Repr-Digest" not in answer.headers, answer.headers)


if __name__ == "__main__":
    sys.exit(
        run_tests(
            [
                test_every_question_of_a_version,
                test_labels,
                test_openai_by_label,
                test_delete_a_version,
                test_memory,
                test_idempotent_imports,
                test_digests,
            ]
        )
    )
