"""What a running server tells of itself: metrics that are exact, bounded and well formed, and lines
of the log that a program reads."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from service import PATIENCE, VECMILL, Service, check  # noqa: E402
from service import run_tests, wait_until, zipf_text  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
OPEN_METRICS = "application/openmetrics-text;version=1.0.0"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = "00-%s-00f067aa0ba902b7-01" % TRACE
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[^"{}]|"(?:[^"\\]|\\.)*")*)\})? (\S+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"(?:,|$)')


def parse(text):
    """{(name, frozenset of labels): value}, and the types of families; refuses what the format
    does not allow, and a series that is there twice."""
    samples, types, helped, family, done = {}, {}, set(), None, set()
    for line in text.rstrip("\n").split("\n"):
        if line == "# EOF":
            continue
        if line.startswith("# "):
            word, name, rest = line[2:].split(" ", 2)
            if word == "HELP":
                check(name not in helped and rest, "HELP twice:", line)
                helped.add(name)
                family = name
            check(name == family, "a family in pieces:", line)
            if word == "TYPE":
                types[name] = rest
            continue
        found = SAMPLE.match(line)
        check(found, "no sample:", line)
        name, labels, value = found.groups()
        pairs = LABEL.findall(labels or "")
        check(len(dict(pairs)) == len(pairs), "a label twice:", line)
        base = re.sub("_(total|info|bucket|sum|count)$", "", name)
        check(family in (name, base), "not of its family:", line, family)
        key = (name, frozenset(pairs))
        check(key not in samples, "twice:", line)
        samples[key] = float(value)
    return samples, types


def scrape(server, accept=None):
    answer = server.get("/metrics", headers={"Accept": accept} if accept else {})
    check(answer.status == 200, answer)
    return answer


def metrics(server):
    return parse(scrape(server).body.decode())[0]


def value(samples, name, **labels):
    return samples.get((name, frozenset(labels.items())), 0)


def total(samples, name, **labels):
    """The sum over all series that have these labels."""
    wanted = set(labels.items())
    return sum(v for (n, pairs), v in samples.items() if n == name and wanted <= pairs)


def test_every_request_is_counted():
    """As soon as it is answered: nothing here waits."""
    clients, rounds = 6, 40
    duration = "vecmill_http_request_duration_seconds"
    with Service() as server:
        server.put("/v1/corpora/c", "a b c d\n" * 10)

        def ask():
            for i in range(rounds):
                server.get("/v1/corpora/c")
                server.get("/v1/corpora/no%d" % i)
                server.get("/elsewhere/%d" % i)
                server.post("/v1/jobs", "{")
                server.call("HEAD", "/v1/corpora")

        threads = [threading.Thread(target=ask) for _ in range(clients)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        samples, n = metrics(server), clients * rounds
        expected = {
            ("/v1/corpora/{corpus}", "GET", "2xx"): n,
            ("/v1/corpora/{corpus}", "GET", "4xx"): n,
            ("/v1/corpora/{corpus}", "PUT", "2xx"): 1,
            ("unmatched", "GET", "4xx"): n,
            ("/v1/jobs", "POST", "4xx"): n,
            ("/v1/corpora", "HEAD", "2xx"): n,
        }
        for (route, method, kind), count in expected.items():
            labels = {"route": route, "method": method, "class": kind}
            check(value(samples, duration + "_count", **labels) == count, labels, samples)
            check(value(samples, duration + "_bucket", le="+Inf", **labels) == count, labels)
            check(value(samples, duration + "_sum", **labels) > 0, labels)
        check(total(samples, duration + "_count") == 5 * n + 1, "all requests")
        check(total(samples, "vecmill_http_requests_total") == 5 * n + 1, "by class")
        check(total(samples, "vecmill_http_request_bytes_total") == n + 80, "bytes in")
        check(value(samples, "vecmill_http_received_bytes_total") == n + 80, "bytes in")
        sent = total(samples, "vecmill_http_response_bytes_total")
        check(sent == value(samples, "vecmill_http_sent_bytes_total") > 0, "bytes out", sent)
        heads = {"route": "/v1/corpora", "method": "HEAD"}
        check(value(samples, "vecmill_http_response_bytes_total", **heads) == 0, "HEAD has no body")
        check(value(samples, "vecmill_http_uploads_total", outcome="completed") == 1, "uploads")
        check_buckets(samples, duration)


def check_buckets(samples, name):
    """Buckets only grow with their bound."""
    series = {}
    for (n, pairs), v in samples.items():
        if n == name + "_bucket":
            labels = dict(pairs)
            bound = float(labels.pop("le").replace("+Inf", "inf"))
            series.setdefault(frozenset(labels.items()), []).append((bound, v))
    check(series, "no histogram")
    for labels, buckets in series.items():
        counts = [count for _, count in sorted(buckets)]
        check(counts == sorted(counts), labels, buckets)
        check(counts[-1] == samples[(name + "_count", labels)], labels, buckets)


def test_series_are_bounded():
    """Paths, names, methods and hostile bytes of clients make no series."""
    with Service() as server:
        for path in ("/v1/models/x", "/v1/jobs/x", "/v1/corpora/x", "/x"):
            server.get(path)
        server.call("BREW", "/x")
        before = {key for key in metrics(server)}
        for i in range(200):
            server.get("/v1/models/name-%d" % i)
            server.get("/v1/jobs/%032x" % i)
            server.get("/v1/corpora/c%%0a%d%%22" % i)
            server.get("/%d?%d" % (i, i))
            server.call("BREW%d" % i, "/x")
        text = scrape(server).body.decode()
        new = {key for key in parse(text)[0]} - before
        check(not [key for key in new if ("route", "/metrics") not in key[1]], new)
        check("name-1" not in text and "BREW" not in text, "a name of a client's")


def test_formats():
    with Service() as server:
        server.put("/v1/corpora/c", "a b c d\n" * 10)
        plain, strict = scrape(server), scrape(server, OPEN_METRICS)
        check(plain.headers["Content-Type"].startswith("text/plain; version=0.0.4"), plain.headers)
        check(
            strict.headers["Content-Type"].startswith(
                "application/openmetrics-text; version=1.0.0"
            ),
            strict.headers,
        )
        check(strict.body.endswith(b"# EOF\n") and b"# EOF" not in plain.body, "the end")
        _, types = parse(plain.body.decode())
        samples, open_types = parse(strict.body.decode())
        check({name for name, kind in types.items() if kind == "counter"}, types)
        for name, kind in types.items():
            check((kind == "counter") == name.endswith("_total"), name, kind)
        for name, kind in open_types.items():
            check(not name.endswith(("_total", "_info")), name, kind)
            if kind == "counter" and not name.startswith("vecmill_job_cpu"):
                check([key for key in samples if key[0] == name + "_total"], name, "no sample")
        check_promtool(plain.body)


def check_promtool(text):
    local = os.path.join(ROOT, "build", "prometheus", "promtool")
    promtool = shutil.which("promtool") or (local if os.access(local, os.X_OK) else None)
    if not promtool:
        print("no promtool (scripts/test-prometheus): THE METRICS WERE NOT LINTED")
        return
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True)
    check(done.returncode == 0 and not done.stdout + done.stderr, done)


def test_a_job_is_seen():
    with Service("--metrics-models", "1") as server:
        server.put("/v1/corpora/c", zipf_text(200000, words=500))
        for name, dim in (("small", 8), ("large", 32)):
            id = server.submit("c", name, epochs=1, min_count=1, dim=dim, threads=1)
            server.wait(id, "succeeded")
        long = server.submit(
            "c", "long", epochs=100000, min_count=1, dim=16, threads=1, progress_interval=0.1,
            holdout=0.1,
        )  # fmt: skip
        queued = server.submit("c", "next", epochs=1, min_count=1, dim=16)
        server.wait_training(long, lambda job: job["loss"] is not None)
        samples = metrics(server)
        labels = {"job_id": long, "model": "long"}
        names = ("loss", "avg_loss", "epoch_loss", "learning_rate", "words_per_second")
        for name in names + ("eta_seconds", "words", "gradient_norm"):
            check(value(samples, "vecmill_job_" + name, **labels) > 0, name, samples)
        wait_until(
            lambda: value(metrics(server), "vecmill_job_holdout_loss", **labels) > 0,
            lambda: "no loss of what is held out",
        )
        check(value(samples, "vecmill_job_epochs", **labels) == 100000, "epochs")
        check(value(samples, "vecmill_job_epoch", **labels) >= 1, "epoch")
        check(0 < value(samples, "vecmill_job_progress_ratio", **labels) < 1, "progress")
        check(value(samples, "vecmill_job_info", corpus="c", **labels) == 1, "info")
        phases = [value(samples, "vecmill_job_phase", phase=p, **labels) for p in
                  ("vocabulary", "training", "publishing")]  # fmt: skip
        check(phases == [0, 1, 0], phases)
        check(value(samples, "vecmill_job_resident_memory_bytes", **labels) > 1e6, "memory")
        check(("vecmill_job_cpu_seconds_total", frozenset(labels.items())) in samples, "CPU")
        check(value(samples, "vecmill_job_queue_length") == 1, "queue")
        wait_until(
            lambda: value(metrics(server), "vecmill_job_queue_age_seconds") > 0, lambda: "age"
        )
        check(value(samples, "vecmill_jobs_ended_total", state="succeeded") == 2, "ended")
        check(value(samples, "vecmill_models") == 2, "models")
        told = [dict(key[1])["model"] for key in samples if key[0] == "vecmill_model_memory_bytes"]
        check(told == ["large"], "the largest as many as metrics_models says", told)
        check(value(samples, "vecmill_corpora_bytes") >= 200000, "corpora")
        check(value(samples, "vecmill_disk_free_bytes") > 0, "disk")
        check(value(samples, "vecmill_disk_needed_bytes") > 0, "disk")
        server.post("/v1/jobs/%s/cancel" % queued)
        server.post("/v1/jobs/%s/cancel" % long)
        server.wait(long, "cancelled")
        left = [key for key in metrics(server) if dict(key[1]).get("job_id")]
        check(not left, "series of jobs that have ended", left)


def test_connections_by_kind():
    with Service() as server:
        server.put("/v1/corpora/c", zipf_text(100000, words=300))
        id = server.submit("c", "m", epochs=100000, min_count=1, dim=8, threads=1)
        socks = []
        for text in (
            b"",
            b"GET /v1/jobs/%s/events HTTP/1.1\r\nHost: localhost\r\n\r\n" % id.encode(),
            b"PUT /v1/corpora/half HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
            b"Content-Length: 100\r\n\r\na b",
            b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
        ):
            sock = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
            sock.sendall(text)
            socks.append(sock)

        def kinds():
            samples = metrics(server)
            return {
                kind: value(samples, "vecmill_http_connections", kind=kind)
                for kind in ("idle", "event_stream", "upload", "request")
            }

        # the scrape is a request, too
        wanted = {"idle": 1, "event_stream": 1, "upload": 1, "request": 2}
        wait_until(lambda: kinds() == wanted, lambda: kinds())
        [sock.close() for sock in socks]
        wanted = {"idle": 0, "event_stream": 0, "upload": 0, "request": 1}
        wait_until(lambda: kinds() == wanted, lambda: kinds())
        samples = metrics(server)
        check(value(samples, "vecmill_http_uploads_total", outcome="aborted") == 1, "uploads")
        check(value(samples, "vecmill_http_requests_total", **{"class": "0xx"}) == 2, "cut short")
        server.post("/v1/jobs/%s/cancel" % id)


def entries(server):
    return [json.loads(line) for line in list(server.lines)]


def entry_of(server, request_id):
    found = []

    def look():
        found[:] = [
            e for e in entries(server) if e.get("request_id") == request_id and "status" in e
        ]
        return found

    wait_until(look, lambda: "no line for " + request_id)
    check(len(found) == 1, found)
    return found[0]


def test_lines_of_the_log():
    """JSON lines: every field, in one line whatever comes."""
    with Service("--log-format", "json", "--log-level", "debug") as server:
        server.put("/v1/corpora/c", zipf_text(100000, words=300), {"X-Request-Id": "put"})
        entry = entry_of(server, "put")
        expected = {
            "level": "info",
            "message": "request",
            "method": "PUT",
            "route": "/v1/corpora/{corpus}",
            "path": "/v1/corpora/c",
            "status": 201,
            "bytes_in": entry["bytes_in"],
            "request_id": "put",
            "client": "127.0.0.1",
            "corpus": "c",
        }
        check(expected.items() <= entry.items(), entry)
        check(entry["bytes_in"] >= 100000 and entry["bytes_out"] > 0, entry)
        check(entry["seconds"] >= 0 and "trace_id" not in entry and "model" not in entry, entry)
        headers = {"X-Request-Id": "post", "traceparent": TRACEPARENT}
        answer = server.post(
            "/v1/jobs",
            {
                "corpus": "c",
                "model": "m",
                # so little is kept that the training process warns
                "settings": {"min_count": 1, "dim": 8, "epochs": 1, "sample": 1e-4},
            },
            headers=headers,
        )
        check(answer.headers["traceparent"] == TRACEPARENT, answer.headers)
        id = answer.json["id"]
        about = {"job": id, "model": "m", "corpus": "c", "trace_id": TRACE}
        check(about.items() <= entry_of(server, "post").items(), entry_of(server, "post"))
        server.wait(id, "succeeded")
        check_lines_of_job(server, about)
        served = [e for e in entries(server) if " is served from version" in e["message"]]
        check(len(served) == 1 and served[0]["model"] == "m", served)
        body = {"model": "m", "input": "w1"}
        server.post("/v1/embeddings", body, headers={"X-Request-Id": "ask"})
        check(entry_of(server, "ask")["model"] == "m", entry_of(server, "ask"))
        check_hostile_lines(server)


def check_lines_of_job(server, about):
    """The server's and its training process's: all say which job, in whose trace."""
    prefix = "job %s: " % about["job"]
    end = prefix + "succeeded"
    wait_until(lambda: any(e["message"] == end for e in entries(server)), server.log)
    lines = [e for e in entries(server) if e["message"].startswith(prefix)]
    texts = [e["message"][len(prefix) :] for e in lines]
    check([text for text in texts if text.startswith("training 'm' from corpus 'c'")], texts)
    warned = [e for e in lines if e["level"] == "warning" and "sample" in e["message"]]
    check(warned, "nothing of the training process", texts)
    for entry in lines:
        check(about.items() <= entry.items(), entry)
        check(not re.match(r"\d{4}-", entry["message"][len(prefix) :]), "two times", entry)


def check_hostile_lines(server):
    """Each byte, in a path and in a value that is noted."""
    before = len(server.lines)
    for code in list(range(1, 0x21)) + [0x22, 0x5C] + list(range(0x7F, 0xA0)) + [0x2028, 0x202E]:
        body = {"model": "a%sb" % chr(code), "input": "w1"}
        server.post("/v1/embeddings", body, headers={"X-Request-Id": "u%x" % code})
        entry = entry_of(server, "u%x" % code)
        check(entry["model"] == "a%sb" % chr(code), entry)
    for byte in range(1, 256):
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as sock:
            sock.sendall(b"GET /a%sb?%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                         % (bytes([byte]), bytes([byte])))  # fmt: skip
            while sock.recv(65536):
                pass
    server.get("/healthz", headers={"X-Request-Id": "last"})
    entry_of(server, "last")
    for line in list(server.lines)[before:]:
        check(set(json.loads(line)) >= {"time", "level", "message"}, line)
        check(len(line.splitlines()) == 1, line)
        check(not re.search("[\x00-\x1f\x7f-\x9f\u2028-\u202e]", line), line)


def test_text_lines():
    """As before: one line of words, with the trace where there is one."""
    with Service("--log-format", "text") as server:
        server.get("/v1/corpora", headers={"X-Request-Id": "plain"})
        server.get("/v1/corpora", headers={"X-Request-Id": "traced", "traceparent": TRACEPARENT})
        server.get("/v1/corpora", headers={"X-Request-Id": "odd", "traceparent": "00-1-2-3"})
        ends = ("id=plain", "id=traced", "id=odd")
        wait_until(lambda: all(end in server.log() for end in ends), server.log)
        shape = r'\S+Z info: request method=GET path="/v1/corpora" status=200 bytes=\d+ ms=[\d.]+ '
        for end in ("id=plain", "id=traced trace=" + TRACE, "id=odd"):
            found = [line for line in server.lines if re.match(shape + end + "$", line)]
            check(len(found) == 1, end, server.log())


def test_slow_requests_are_warnings():
    with Service("--slow-request", "0.000001") as server:
        server.get("/healthz", headers={"X-Request-Id": "late"})
        entry = entry_of(server, "late")
        check((entry["level"], entry["message"]) == ("warning", "slow request"), entry)
        check(b"slow_request" in server.get("/v1/settings").body, "the setting")


def key_create(*options):
    """The key, and its row for api_keys."""
    done = subprocess.run([VECMILL, "key", "create", *options], capture_output=True, check=True)
    key, row = done.stdout.decode().split("\n")[-3:-1]
    return key, row


def test_keys_in_log_and_metrics():
    """Which key asked, never the key; requests that none let in are counted by reason."""
    reader, read_row = key_create("--scope", "read", "--models", "mine-")
    busy, busy_row = key_create("--scope", "read", "--requests-per-minute", "1")
    with Service("--api-keys", read_row + ";" + busy_row) as server:
        bearer = {"Authorization": "Bearer " + reader}

        def status(path, method="GET", headers=bearer, **more):
            return server.call(method, path, headers={**headers, **more}).status

        check(status("/metrics") == 403, "it speaks of all models")
        check(status("/v1/models/other") == 403, "a name beyond its reach")
        check(status("/v1/corpora/c", "DELETE") == 403, "a scope beyond its own")
        check(status("/v1/models/mine-1", **{"X-Request-Id": "mine"}) == 404, "its own name")
        check(status("/v1/models", headers={}) == 401, "no key")
        check(status("/v1/models", headers={"Authorization": "Bearer vm_no"}) == 401, "no key")
        check(status("/v1/models", headers={"Authorization": "Basic eDp5"}) == 401, "no key")
        asked = {"Authorization": "Bearer " + busy}
        wait_until(lambda: status("/v1/models", headers=asked) == 429, lambda: "no quota")
        entry = entry_of(server, "mine")
        check(entry["key"] == read_row.split()[0] and entry["model"] == "mine-1", entry)
        text = "\n".join(server.lines)
        for key in (reader, busy, "vm_no"):
            check(key not in text, "a key in the log")
    with Service("--api-keys", read_row, "--open-metrics") as server:
        samples = metrics(server)
        for reason in ("missing", "unknown", "forbidden", "rate"):
            check(value(samples, "vecmill_keys_refused_total", reason=reason) == 0, samples)
        server.get("/v1/models")
        server.get("/v1/models", headers={"Authorization": "Bearer vm_no"})
        server.get("/v1/models/other", headers=bearer)
        samples = metrics(server)
        for reason, count in (("missing", 1), ("unknown", 1), ("forbidden", 1), ("rate", 0)):
            found = value(samples, "vecmill_keys_refused_total", reason=reason)
            check(found == count, reason, found)


if __name__ == "__main__":
    sys.exit(run_tests(
        [
            test_every_request_is_counted,
            test_series_are_bounded,
            test_formats,
            test_a_job_is_seen,
            test_connections_by_kind,
            test_lines_of_the_log,
            test_text_lines,
            test_slow_requests_are_warnings,
            test_keys_in_log_and_metrics,
        ]
    ))
