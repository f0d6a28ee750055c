"""Keys against a running server: every route of its own OpenAPI document with no key, a wrong one,
one of each scope and one that reaches other names; quotas over a restart; what one key made and
another may not have; and that no key is ever told to a log or kept."""

import os
import re
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from keyed import SCOPES, Keyed, bearer
from service import PATIENCE, check, expect, run_tests, zipf_text

OF_ALL = ("/metrics", "/v1/backup")  # what speaks of every name
FOREIGN = {"scope": "admin", "corpora": "mine-", "models": "mine-"}
VECTORS = b"2 2\na 1 2\nb 3 4\n"


def operations(document):
    """(method, path, scope); scope None: open."""
    for path, calls in sorted(document["paths"].items()):
        for method, operation in sorted(calls.items()):
            if method not in ("get", "put", "post", "delete", "patch", "head"):
                continue
            security = operation.get("security", document.get("security"))
            check(security is not None, "no security:", method, path)
            named = [scheme for scheme in security if scheme]
            check(len(named) == len(security), "may be called without a key:", method, path)
            scopes = [scope for scheme in named for value in scheme.values() for scope in value]
            check(len(scopes) <= 1, "scopes of", method, path, scopes)
            yield method.upper(), path, scopes[0] if scopes else None


def filled(path, corpus, model, job):
    for name, value in (("corpus", corpus), ("model", model), ("job", job)):
        path = path.replace("{%s}" % name, value)
    return re.sub(r"\{\w+\}", "x", path)


def test_every_route():
    """The penetration table."""
    with Keyed(extra=[("foreign", FOREIGN)]) as service:
        expect(service.put("/v1/corpora/text", zipf_text(20000)), 201)
        job = service.submit("text", "word", dim=8, epochs=1, min_count=1)
        service.wait(job, "succeeded")
        table = list(operations(service.get("/openapi.json").json))
        check(len(table) >= 39, "routes", len(table))
        opened = [path for _, path, scope in table if scope is None]
        check(opened == ["/healthz", "/readyz"], "open", opened)
        for method, path, scope in table:
            # Names that are not there where a call would change something.
            changes = method == "DELETE" or "cancel" in path or "activate" in path
            where = filled(path, "no-such", "no-such", "0" * 32) if changes else None
            where = where or filled(path, "text", "word", job)
            if path.endswith("/events"):
                where += "?last_event_id=999999999"  # what has ended is not streamed again

            def status(key, where=where, method=method):
                return service.call(method, where, b"{}", key=key).status

            what = "%s %s" % (method, path)
            bad = ["Bearer", "Basic " + service.key, "Bearer  ", "Bearer " + service.key[:-1] + "x"]
            if scope is None:
                check(status(None) == 200, what, "is not open")
                check(status("vm_wrong") == 200, what, "is not open to a wrong key")
                continue
            check(status(None) == 401, what, "without a key:", status(None))
            lost = where + ("&" if "?" in where else "?") + "key=" + service.key
            check(service.call(method, lost, b"{}", key=None).status == 401, what, "by query")
            for wrong in ("x", "vm_" + "0" * 12 + "_" + "0" * 64, service.key + "0"):
                check(status(wrong) == 401, what, "with a wrong key:", status(wrong))
            for value in bad:
                answer = service.call(method, where, headers={"Authorization": value}, key=None)
                check(answer.status == 401, what, value, answer)
                check("Bearer" in answer.headers["WWW-Authenticate"], "WWW-Authenticate")
            for index, have in enumerate(SCOPES):
                got, allowed = status(service.keys[have]), index >= SCOPES.index(scope)
                check((got not in (401, 403)) == allowed, what, "needs", scope, "has", have, got)
                check(got < 500, what, got)
            got = status(service.keys["foreign"])
            if "{corpus}" in path or "{model}" in path or path in OF_ALL:
                check(got == 403, what, "with a key that reaches other names:", got)
            elif "{job}" in path or "{upload}" in path:
                check(got == 404, what, "of what another key reaches:", got)
            else:
                check(got not in (401, 403), what, "with a key that reaches other names:", got)
        service.check_silent()


def test_names_in_bodies_and_lists():
    with Keyed(extra=[("foreign", FOREIGN)]) as service:
        expect(service.put("/v1/corpora/text", zipf_text(20000)), 201)
        job = service.submit("text", "word", dim=8, epochs=1, min_count=1)
        service.wait(job, "succeeded")
        key = service.keys["foreign"]
        for corpus, model in (("text", "mine-m"), ("mine-c", "word"), ("none", "mine-m")):
            body = {"corpus": corpus, "model": model}
            expect(service.post("/v1/jobs", body, key=key), 403, "mine-")
        expect(
            service.post(
                "/v1/models/mine-m/train?corpus=text",
                b"a b\n",
                headers={"Content-Type": "text/plain"},
                key=key,
            ),
            403,
        )
        ask = {"model": "word", "input": "a"}
        expect(service.post("/v1/embeddings", ask, key=key), 403, "forbidden")
        expect(service.post("/v1/embeddings", {"model": "nope", "input": "a"}, key=key), 403)
        for path in ("/v1/corpora", "/v1/models", "/v1/jobs"):
            check(service.get(path).json["data"], path, "shows nothing to admin")
            check(service.get(path, key=key).json["data"] == [], path, "shows foreign names")
        check(service.get("/v1/jobs", key=key).json["total"] == 0, "foreign jobs are counted")
        answer = expect(service.get("/v1/models/mine-wor", key=key), 404)
        check("suggestions" not in answer.body.decode(), "a foreign name is suggested")
        # What is its own it sees, and nobody with another prefix does.
        expect(service.put("/v1/corpora/mine-c", zipf_text(20000), headers=bearer(key)), 201)
        body = {"corpus": "mine-c", "model": "mine-m", "settings": {"dim": 8, "min_count": 1}}
        own = expect(service.post("/v1/jobs", body, key=key), 202).json["id"]
        service.wait(own, "succeeded")
        check([one["id"] for one in service.get("/v1/models", key=key).json["data"]] == ["mine-m"])
        check(service.get("/v1/jobs", key=key).json["total"] == 1, "own jobs")
        # Folders of the machine are for keys that reach everything.
        for asked, told in ((True, True), (key, False)):
            text = service.get("/v1/settings", key=asked).body.decode()
            check((service.data in text) == told == (service.file in text), "paths", text)
        # Probes get no names without a key.
        check(service.get("/readyz", key=None).json["warnings"] == [], "warnings without a key")
        log = "\n".join(service.lines)
        for event in ("corpus_stored", "job_submitted", "model_published", "key_refused"):
            check("audit event=%s key=" % event in log, "no audit line of", event)
        identity = key.split("_")[1]
        check("audit event=model_published key=%s" % identity in log, "published by whom?")
        service.check_silent()


def test_quotas():
    extra = [
        ("small", {"scope": "train", "max_bytes": "100K"}),
        ("worker", {"scope": "train", "max_jobs": 1, "max_models": 1}),
        ("rare", {"requests_per_minute": 3}),
    ]
    with Keyed(extra=extra) as service:
        small = bearer(service.keys["small"])
        text = zipf_text(40000)
        expect(service.put("/v1/corpora/a", text, headers=small), 201)
        expect(service.put("/v1/corpora/b", text, headers=small), 201)
        answer = service.put("/v1/corpora/c", text, headers=small)
        expect(answer, 429, "max_bytes", "102400")
        check(int(answer.headers["Retry-After"]) >= 1, "Retry-After")
        expect(service.get("/v1/corpora/c"), 404)
        # In place of its own it fits, and for another key it does, too.
        expect(service.put("/v1/corpora/a", text + "more\n", headers=small), 201)
        expect(service.put("/v1/corpora/other", text), 201)
        # Chunked, so that the length is not told; and two at a time: together they are too much.
        expect(service.delete("/v1/corpora/b", headers=small), 204)
        answers, threads = [], []

        def send(name):
            pieces = iter([text[i : i + 1000].encode() for i in range(0, len(text), 1000)])
            headers = {"Content-Type": "text/plain", **small}
            answers.append(service.call("PUT", "/v1/corpora/" + name, pieces, headers))

        for name in ("x", "y"):
            threads.append(threading.Thread(target=send, args=(name,)))
            threads[-1].start()
        for thread in threads:
            thread.join(PATIENCE)
        codes = sorted(answer.status for answer in answers)
        check(codes in ([201, 429], [429, 429]), "two uploads that do not fit together", codes)
        # In parts, too: the parts count while they wait, and once more fits than what is kept.
        for name in ("x", "y"):
            service.delete("/v1/corpora/" + name)
        begin = {"Content-Type": "text/plain", "Upload-Complete": "?0", **small}
        part = service.put("/v1/corpora/parts", text, headers=begin)
        expect(part, 201)
        expect(service.put("/v1/corpora/x", text, headers=small), 429, "max_bytes")
        where, more = part.headers["Location"], {"Upload-Offset": str(len(text)), **small}
        more["Content-Type"] = "application/partial-upload"
        expect(service.call("PATCH", where, text, {**more, "Upload-Complete": "?0"}), 429)
        offset = service.get(where, headers=small).json["offset"]
        more.update({"Upload-Offset": str(offset), "Upload-Complete": "?1"})
        done = service.call("PATCH", where, b"end\n", more)
        expect(done, 201)
        service.delete("/v1/corpora/parts")
        expect(service.put("/v1/corpora/x", text, headers=small), 201)
        # What is owned survives a restart.
        service.stop()
        service.start()
        expect(service.put("/v1/corpora/d", text * 2, headers=small), 429, "max_bytes")
        # A model counts when it is published; then no more work is taken.
        for name in ("x", "y"):
            service.delete("/v1/corpora/" + name)
        body = {"corpus": "a", "model": "big", "settings": {"dim": 64, "epochs": 1}}
        body["settings"].update(min_count=1, threads=1)
        job = expect(service.post("/v1/jobs", body, headers=small), 202).json["id"]
        service.wait(job, "succeeded")
        expect(service.post("/v1/jobs", body, headers=small), 429, "max_bytes")
        vectors = b"2 2\na 1 2\nb 3 4\n"
        expect(service.put("/v1/models/m/files/vectors.txt", vectors, headers=small), 429)
        expect(service.get("/v1/models/m"), 404)
        # Jobs and models, over a restart.
        worker = bearer(service.keys["worker"])
        body = {"corpus": "other", "model": "one", "settings": {"dim": 4, "epochs": 100000}}
        body["settings"].update(min_count=1, threads=1)
        job = expect(service.post("/v1/jobs", body, headers=worker), 202).json["id"]
        expect(service.post("/v1/jobs", body, headers=worker), 429, "max_jobs")
        service.stop()
        service.start()
        expect(service.post("/v1/jobs", body, headers=worker), 429, "max_jobs")
        expect(service.post("/v1/jobs/%s/cancel" % job, headers=worker), 200)
        body["settings"]["epochs"] = 1
        job = expect(service.post("/v1/jobs", body, headers=worker), 202).json["id"]
        service.wait(job, "succeeded")
        two = {**body, "model": "two"}
        expect(service.post("/v1/jobs", two, headers=worker), 429, "max_models")
        expect(service.put("/v1/models/two/files/vectors.txt", vectors, headers=worker), 429)
        expect(service.put("/v1/models/one/files/vectors.txt", vectors, headers=worker), 201)
        service.stop()
        service.start()
        expect(service.put("/v1/models/two/files/vectors.txt", vectors, headers=worker), 429)
        expect(service.delete("/v1/models/one"), 200)
        expect(service.put("/v1/models/two/files/vectors.txt", vectors, headers=worker), 201)
        for _ in range(3):
            expect(service.get("/v1/models", key=service.keys["rare"]), 200)
        answer = expect(service.get("/v1/models", key=service.keys["rare"]), 429, "rate_limit")
        check(1 <= int(answer.headers["Retry-After"]) <= 60, "Retry-After")
        expect(service.get("/v1/models"), 200)
        service.check_silent()


def test_keys_where_they_do_not_belong():
    """Whatever a client takes its key for, no log and no file has it."""
    for options in ((), ("--log-format", "text", "--log-level", "debug")):
        with Keyed(*options) as service:
            key = service.keys["train"]
            spelt = "".join("%%%02X" % ord(c) if c in "vm_a" else c for c in key)
            for path in ("/" + key, "/v1/models/" + key, "/v1/corpora/" + spelt):
                check(service.get(path).status >= 400, path)
            for path in ("/v1/models?key=" + key, "/v1/models?key=" + spelt):
                check(service.get(path).status >= 400, path)
            text = {"Content-Type": "text/plain"}
            fields = ("Idempotency-Key", "X-Request-Id", "traceparent", "User-Agent", "X-Api-Key")
            fields += ("Content-Type", "Content-Encoding", "Repr-Digest", "Upload-Offset")
            for name in fields:
                answer = service.put("/v1/corpora/c", "a b\n", headers={**text, name: key})
                refused = answer.status == 400
                check(refused == (name in ("Idempotency-Key", "Repr-Digest")), name, answer)
            expect(service.put("/v1/corpora/" + key, "a b\n", headers=text), 422, "key of access")
            expect(service.put("/v1/models/%s/files/v.txt" % key, VECTORS, headers=text), 422)
            train = service.post("/v1/models/m/train?corpus=" + key, b"a b\n", headers=text)
            expect(train, 422, "key of access")
            begin = {**text, "Upload-Complete": "?0"}
            expect(service.put("/v1/corpora/" + key, "a", headers=begin), 422)
            expect(service.put("/v1/corpora/c?format=" + key, "a", headers=begin), 422)
            wrong = ({"corpus": key, "model": "m"}, {"corpus": "c", "model": key}, {key: key})
            for body in wrong:
                check(service.post("/v1/jobs", body).status in (404, 422), body)
            check(service.post("/v1/embeddings", {"model": key, "input": key}).status == 404)
            check(service.post("/v1/plan", {"corpus": key}).status in (404, 422), "plan")
            service.stop()
            service.check_silent()


def test_answers_of_others():
    """An Idempotency-Key belongs to the key that sent it: nobody gets another one's answer."""
    with Keyed(extra=[("other", {"scope": "train"})]) as service:
        text = zipf_text(20000)
        job = {"corpus": "c", "model": "j", "settings": {"dim": 4, "epochs": 1, "min_count": 1}}
        calls = (
            ("PUT", "/v1/corpora/c", text.encode(), b"more\n", 201),
            ("PUT", "/v1/models/m/files/v.txt", VECTORS, b"1 1\na 1\n", 201),
            ("POST", "/v1/jobs", job, {**job, "model": "k"}, 202),
            ("POST", "/v1/models/t/train?dim=4&min_count=1", text.encode(), b"more\n", 202),
        )
        for method, path, body, another, code in calls:

            def ask(key, body, method=method, path=path):
                headers = {"Idempotency-Key": "once" + path, **bearer(service.keys[key])}
                if isinstance(body, bytes):
                    headers["Content-Type"] = "text/plain"
                return service.call(method, path, body, headers, key=None)

            def replayed(answer, code=code):
                return expect(answer, code).headers.get("Idempotent-Replayed") == "true"

            check(not replayed(ask("train", body)), path, "the first one")
            check(not replayed(ask("other", another)), path, "is told what others have sent")
            check(replayed(ask("train", body)), path, "is not replayed")
            check(replayed(ask("other", another)), path, "is not replayed")
            expect(ask("other", body), 422, "Idempotency-Key")
        log = "\n".join(service.lines)
        stored = log.count("audit event=corpus_stored key=" + service.keys["train"].split("_")[1])
        check(stored == 2, "a replay stores nothing, each way of storing is told of", stored)


def test_quotas_by_other_ways():
    """Sets of questions take bytes; imports and jobs share max_models."""
    extra = [
        ("small", {"scope": "train", "max_bytes": "100K"}),
        ("one", {"scope": "train", "max_models": 1}),
    ]
    with Keyed(extra=extra) as service:
        small, one = bearer(service.keys["small"]), bearer(service.keys["one"])
        expect(service.put("/v1/corpora/c", "a b c\n", headers=small), 201)
        expect(service.put("/v1/corpora/foreign", zipf_text(20000)), 201)
        questions = {**small, "Content-Type": "text/plain"}
        sets = ": x\n" + "a b c d\n" * 6000
        where = "/v1/corpora/%s/questions/%s"
        expect(service.put(where % ("c", "q"), sets, headers=questions), 201)
        # In its own place there is room, beside it there is not, wherever that is.
        expect(service.put(where % ("c", "q"), sets + "a a a a\n", headers=questions), 201)
        for corpus, name in (("c", "r"), ("foreign", "q")):
            answer = service.put(where % (corpus, name), sets * 2, headers=questions)
            expect(answer, 429, "max_bytes", "102400")
            expect(service.get(where % (corpus, name)), 404)
        expect(service.put("/v1/corpora/d", zipf_text(80000), headers=small), 429, "max_bytes")
        expect(service.delete(where % ("c", "q"), headers=small), 204)
        expect(service.put("/v1/corpora/d", zipf_text(80000), headers=small), 201)
        # What came in parts meanwhile counts for an upload that had begun before.
        expect(service.delete("/v1/corpora/d", headers=small), 204)
        text, plain = zipf_text(80000).encode(), {"Content-Type": "text/plain", **small}

        def around_parts():
            yield text[:1000]
            begin = {"Upload-Complete": "?0", **plain}
            expect(service.put("/v1/corpora/parts", text, headers=begin), 201)
            yield text[1000:]

        answer = service.call("PUT", "/v1/corpora/d", around_parts(), plain)
        expect(answer, 429, "max_bytes")
        # A job's model counts before it is there; of imports at the same time one gets in.
        body = {"corpus": "foreign", "model": "first", "settings": {"dim": 4, "epochs": 100000}}
        body["settings"].update(min_count=1, threads=1)
        job = expect(service.post("/v1/jobs", body, headers=one), 202).json["id"]
        where = "/v1/models/%s/files/v.txt"
        expect(service.put(where % "second", VECTORS, headers=one), 429, "max_models")
        expect(service.put(where % "first", VECTORS, headers=one), 201)
        expect(service.post("/v1/jobs/%s/cancel" % job, headers=one), 200)
        service.wait(job, "cancelled")
        expect(service.delete("/v1/models/first"), 200)
        barrier, answers = threading.Barrier(4), []

        def send(name):
            def pieces():
                yield VECTORS[:5]
                barrier.wait(PATIENCE)  # all of them have begun
                yield VECTORS[5:]

            headers = {"Content-Type": "text/plain", **one}
            answers.append(service.call("PUT", where % name, pieces(), headers))

        threads = [threading.Thread(target=send, args=("m%d" % i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        codes = sorted(answer.status for answer in answers)
        check(codes == [201, 429, 429, 429], "imports at the same time", codes)
        made = [model["id"] for model in service.get("/v1/models").json["data"]]
        check(len(made) == 1, "models of one that may have one", made)
        # An import that is sent again takes no place again.
        again = {"Idempotency-Key": "k", "Content-Type": "text/plain", **one}
        expect(service.delete("/v1/models/" + made[0]), 200)
        expect(service.put(where % "m", VECTORS, headers=again), 201)
        expect(service.put(where % "m", VECTORS, headers=again), 201)


def test_uploads_of_others():
    """An upload in parts is for the key that began it, and for an admin of all."""
    with Keyed(extra=[("other", {"scope": "train", "name": "other"})]) as service:

        def ask(method, path, key, body=b"", **fields):
            fields = {name.replace("_", "-"): value for name, value in fields.items()}
            return service.call(method, path, body, fields, key=service.keys[key])

        begin = {"Upload_Complete": "?0", "Content_Type": "text/plain"}
        expect(ask("PUT", "/v1/corpora/c", "read", **begin), 403)
        made = expect(ask("PUT", "/v1/corpora/c", "train", **begin), 201)
        where = made.headers["Location"]
        part = {"Upload_Offset": "0", "Content_Type": "application/partial-upload"}
        for method in ("HEAD", "DELETE"):
            expect(ask(method, where, "other"), 404)
        expect(ask("PATCH", where, "other", b"x", **part), 404)
        check(expect(ask("GET", "/v1/uploads", "other"), 200).json["data"] == [], "listed")
        service.kill()
        service.start()
        expect(ask("PATCH", where, "other", b"x", **part), 404)
        expect(ask("PATCH", where, "train", b"a b c\n", **part), 204)
        check(len(ask("GET", "/v1/uploads", "admin").json["data"]) == 1, "an admin sees it")
        end = {**part, "Upload_Offset": "6", "Upload_Complete": "?1"}
        expect(ask("PATCH", where, "admin", **end), 201)
        expect(ask("GET", "/v1/corpora/c", "read"), 200)


if __name__ == "__main__":
    sys.exit(
        run_tests(
            [
                test_every_route,
                test_names_in_bodies_and_lists,
                test_quotas,
                test_keys_where_they_do_not_belong,
                test_answers_of_others,
                test_quotas_by_other_ways,
                test_uploads_of_others,
            ]
        )
    )
