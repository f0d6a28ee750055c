#!/usr/bin/env python3
"""memory_budget holds: small uploads and requests that would take a lot of memory are refused with
numbers, clients that do not read cannot pile up answers, a model that does not fit is named; and
work that nobody waits for any more is given up. Counts and states, never times."""

import os
import random
import re
import socket
import struct
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from service import PATIENCE, Service, check, expect, run_tests, wait_until

MIB = 1 << 20
BUDGET = 64 * MIB
# What the budget does not count: the program itself, stacks and buffers of connections, the free
# first part of each request, memory that the heap keeps for later.
OVERHEAD = 64 * MIB


def peak(service):
    """The largest resident set so far, bytes."""
    with open("/proc/%d/status" % service.process.pid) as status:
        return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status.read()).group(1))


def check_peak(service, budget=BUDGET):
    found = peak(service)
    check(found < budget + OVERHEAD, "peak of", found, "bytes with a budget of", budget)


def metric(service, name):
    text = service.get("/metrics").body.decode()
    return float(re.search(r"^%s (\S+)$" % re.escape("vecmill_" + name), text, re.M).group(1))


def memory(service, kind):
    return metric(service, 'memory_bytes{kind="%s"}' % kind)


def binary_model(words, dim, seed=1):
    generator = random.Random(seed)
    parts = [b"%d %d\n" % (words, dim)]
    for i in range(words):
        row = [generator.uniform(-1, 1) for _ in range(dim)]
        parts.append(b"w%d " % i + struct.pack("<%df" % dim, *row) + b"\n")
    return b"".join(parts)


def put_model(service, name, words, dim):
    answer = service.put("/v1/models/%s/files/vectors.bin" % name, binary_model(words, dim))
    expect(answer, 201)


def refused(answer, *statuses):
    check(answer.status in statuses, answer)
    text = answer.body.decode()
    check("memory_budget" in text and re.search(r"needs \d+ bytes of memory", text), text)
    if answer.status == 503:
        check(answer.headers["Retry-After"], "no Retry-After")
    return answer


def bomb(rows, dim, header):
    """A small .gz that is many zero rows."""
    line, parts = b" 0" * dim + b"\n", []
    packer = zlib.compressobj(6, wbits=31)
    if header:
        parts.append(packer.compress(b"%d %d\n" % (rows, dim)))
    for i in range(rows):
        parts.append(packer.compress(b"w%d" % i + line))
    return b"".join(parts) + packer.flush()


def make_group(limit):
    """A memory cgroup of that many bytes, v1 or v2; None where we may not make one."""
    kinds = (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max"))
    for root, name in kinds:
        group = "%s/vecmill-e2e-%d" % (root, os.getpid())
        try:
            os.mkdir(group)
        except OSError:
            continue
        try:
            with open(group + "/" + name, "w") as file:
                file.write(str(limit))
            return group
        except OSError:
            os.rmdir(group)
    return None


def test_in_a_container():
    """Without a setting the budget is four fifths of what the container has; a bomb that would
    take more is refused, and nothing is killed."""
    limit = 384 * MIB
    group = make_group(limit)
    if not group:
        print("test_in_a_container: skipped, no memory cgroup can be made here")
        return
    own = os.path.join(os.path.dirname(group), "cgroup.procs")
    with open("/proc/self/cgroup") as lines:
        for line in lines:
            number, controllers, path = line.strip().split(":", 2)
            unified = number == "0" and "memory.max" in os.listdir(group)
            if unified or "memory" in controllers.split(","):
                own = os.path.dirname(group) + path + "/cgroup.procs"
    service = Service(start=False)
    try:
        with open(group + "/cgroup.procs", "w") as file:
            file.write(str(os.getpid()))
        try:
            service.start()
        finally:
            with open(own, "w") as file:
                file.write(str(os.getpid()))
        found = metric(service, "memory_budget_bytes")
        check(abs(found - 0.8 * limit) < MIB, "the budget is", found)
        refused(service.put("/v1/models/big/files/vectors.txt.gz", bomb(40000, 2000, False)), 413)
        put_model(service, "small", 100, 10)
        check(peak(service) < limit, "peak of", peak(service))
        check(service.stop() == 0, "exit status")
    finally:
        service.close()
        wait_until(lambda: not open(group + "/cgroup.procs").read(), lambda: "the group is in use")
        os.rmdir(group)


def test_import_bomb():
    with Service("--memory-budget", "64M") as service:
        for header in (False, True):
            body = bomb(50000, 400, header)
            check(len(body) < MIB, "the bomb is", len(body), "bytes")
            refused(service.put("/v1/models/big/files/vectors.txt.gz", body), 413)
            check(memory(service, "imports") == 0, "an import that was refused is still counted")
        expect(service.get("/v1/models/big"), 404)
        put_model(service, "small", 100, 10)
        expect(service.get("/v1/models/small"), 200, '"loaded":true')
        check(metric(service, "memory_refused_total") >= 2, "refusals are not counted")
        check_peak(service)
        check(service.stop() == 0, "exit status")


def test_large_answers():
    with Service("--memory-budget", "64M") as service:
        put_model(service, "m", 1000, 1000)
        ids = [i % 1000 for i in range(10000)]
        path = "/v1/models/m/embeddings"
        for form in ("json", "npy", "bytes", "safetensors"):
            refused(service.post(path + "?format=" + form, {"ids": ids}), 413, 503)
            expect(service.post(path + "?format=" + form, {"ids": ids[:100]}), 200)
        nested = {"ids": [[i] for i in ids], "combiner": "sum"}
        refused(service.post(path, nested), 413, 503)
        unknown = {"words": [["?", "w1"]] * 5000, "combiner": "sum", "oov": "zero"}
        refused(service.post(path, unknown), 413, 503)
        texts = {"model": "m", "input": ["w%d" % i for i in ids]}
        refused(service.post("/v1/embeddings", texts), 413, 503)
        refused(service.post("/v1/embeddings", {**texts, "encoding_format": "base64"}), 413, 503)
        queries = {"queries": [{"id": i} for i in ids], "k": 1000}
        refused(service.post("/v1/models/m/neighbors", queries), 413, 503)
        for kind in ("requests", "answers", "imports"):
            check(memory(service, kind) == 0, kind, "are still counted")
        check_peak(service)
        check(service.stop() == 0, "exit status")


def test_bodies_that_grow():
    """Bodies that are small and become large in memory, and bodies that are large."""
    with Service("--memory-budget", "64M") as service:
        put_model(service, "m", 10, 4)
        tree = b'{"words":[' + b"[]," * 340000 + b"[]]}"
        refused(service.post("/v1/models/m/embeddings", tree), 413)
        sections = b": s\n" * (4 * MIB)
        refused(service.post("/v1/models/m/evaluate?set=analogies", sections), 413)
        pairs = b"w1 w2 1\n" * (2 * MIB)
        refused(service.post("/v1/models/m/evaluate?set=similarity", pairs), 413)
        check_peak(service)
        check(service.stop() == 0, "exit status")
    # said before the body is sent
    with Service("--memory-budget", "1M") as service:
        put_model(service, "m", 10, 4)
        refused(service.post("/v1/models/m/evaluate?set=analogies", b": s\n" * MIB), 413)
        expect(service.get("/healthz"), 200)
        expect(service.get("/v1/models/m/neighbors?word=w1"), 200)
        check(service.stop() == 0, "exit status")


def raw_request(service, method, path, body=b""):
    """Sends a request on a socket of its own, which is returned; nothing is read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(PATIENCE)
    client.connect(("127.0.0.1", service.port))
    head = "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n" % (method, path, len(body))
    client.sendall((head + "Content-Type: application/json\r\n\r\n").encode() + body)
    return client


def test_clients_that_do_not_read():
    clients = []
    with Service("--memory-budget", "64M") as service:
        put_model(service, "m", 1000, 1000)
        body = ('{"ids":[%s]}' % ",".join(str(i) for i in range(300))).encode()
        for _ in range(60):
            clients.append(raw_request(service, "POST", "/v1/models/m/embeddings", body))

        def settled():
            # each is answered, be it in part, or refused
            return metric(service, "memory_refused_total") > 0 and memory(service, "answers") > 0

        wait_until(settled, lambda: "nothing was refused")
        used = metric(service, "memory_used_bytes")
        check(0 < used <= BUDGET, used, "bytes are counted")
        # the service answers all the same
        expect(service.get("/v1/models/m/neighbors?word=w1"), 200)
        expect(service.get("/readyz"), 200)
        for client in clients:
            client.close()
        wait_until(
            lambda: memory(service, "answers") == 0 and memory(service, "requests") == 0,
            lambda: "answers of clients that are gone are still counted",
        )
        check_peak(service)
        expect(service.post("/v1/models/m/embeddings", {"ids": list(range(300))}), 200)
        check(service.stop() == 0, "exit status")


def test_models_that_do_not_fit():
    with Service("--memory-budget", "64M") as service:
        put_model(service, "a", 1000, 1000)
        put_model(service, "b", 1000, 1000)
        expect(service.get("/readyz"), 200, '"warnings":[]')
        check(service.stop() == 0, "exit status")
        service.options = ["--memory-budget", "6M"]
        service.start()
        ready = expect(service.get("/readyz"), 200).json
        check(len(ready["warnings"]) == 1, ready)
        name = re.search(r"model '(.)' is not loaded: .*needs \d+ bytes", ready["warnings"][0])[1]
        other = "b" if name == "a" else "a"
        check("model '%s' is not loaded" % name in service.log(), service.log())
        cards = {card["id"]: card for card in service.get("/v1/models").json["data"]}
        check(cards[other]["loaded"] and "reason" not in cards[other], cards)
        check(not cards[name]["loaded"] and "memory_budget" in cards[name]["reason"], cards)
        check((cards[name]["dim"], cards[name]["words"]) == (1000, 1000), cards)
        check(metric(service, "models_unloaded") == 1, "models_unloaded")
        for path in ("", "/neighbors?word=w1", "/files/vocab.tsv", "/versions"):
            refused(service.get("/v1/models/" + name + path), 503)
        refused(service.post("/v1/embeddings", {"model": name, "input": "w1"}), 503)
        expect(service.get("/v1/models/%s/neighbors?word=w1" % other), 200)
        # a third one neither
        refused(service.put("/v1/models/c/files/vectors.bin", binary_model(1000, 1000)), 503)
        expect(service.get("/v1/models/c"), 404)
        expect(service.delete("/v1/models/" + other), 200)
        expect(service.get("/v1/models/%s/neighbors?word=w1" % name), 200)
        expect(service.get("/readyz"), 200, '"warnings":[]')
        check_peak(service, 6 * MIB)
        check(service.stop() == 0, "exit status")


def long_questions(words, lines):
    generator = random.Random(3)
    text = [": all"]
    for _ in range(lines):
        text.append(" ".join("w%d" % generator.randrange(words) for _ in range(4)))
    return "\n".join(text).encode() + b"\n"


def begin_evaluation(service, questions):
    client = raw_request(
        service, "POST", "/v1/models/m/evaluate?set=analogies&among=0&method=mul", questions
    )
    # what the evaluation takes is counted once the body is there
    wait_until(
        lambda: memory(service, "requests") > 96 * questions.count(b"\n"),
        lambda: "the evaluation does not begin: " + service.log(),
    )
    return client


def test_nobody_waits():
    """An evaluation of minutes ends when its client goes."""
    with Service("--memory-budget", "64M") as service:
        put_model(service, "m", 20000, 100)
        client = begin_evaluation(service, long_questions(20000, 200000))
        check(metric(service, "requests_stopped_total") == 0, "stopped before its client went")
        client.close()
        wait_until(
            lambda: metric(service, "requests_stopped_total") == 1
            and memory(service, "requests") == 0,
            lambda: "the evaluation goes on",
        )
        check(service.stop() == 0, "exit status")


def test_stop_while_working():
    """SIGTERM ends the service, whatever runs; the client is told."""
    with Service("--memory-budget", "64M", "--shutdown-timeout", "2") as service:
        put_model(service, "m", 20000, 100)
        questions = long_questions(20000, 200000)
        client = begin_evaluation(service, questions)
        check(service.stop() == 0, "exit status")
        log = service.log()
        check("stopped" in log and "unfinished" not in log, log)
        answer = client.recv(4096).decode("utf-8", "replace")
        check(answer.startswith("HTTP/1.1 503 ") and "was stopped" in answer, answer)
        client.close()


if __name__ == "__main__":
    sys.exit(
        run_tests(
            [
                test_import_bomb,
                test_large_answers,
                test_bodies_that_grow,
                test_clients_that_do_not_read,
                test_models_that_do_not_fit,
                test_in_a_container,
                test_nobody_waits,
                test_stop_while_working,
            ]
        )
    )
