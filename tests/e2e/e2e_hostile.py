"""Hostile clients against the real program: every row of hostile_requests.py has one exact status,
and says whether the connection ends. Standard library only. VECMILL names the program.
"""

import json
import os
import re
import select
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from hostile_requests import ANY, H, HTTP, JSON, get, post
from service import PATIENCE, Service


class Server(Service):
    """Called x or y, and never full."""

    def __init__(self, *options):
        crowd = ("--max-connections-per-address", "1024")
        super().__init__("--allowed-hosts", "x,y", *crowd, *options)

    def connect(self):
        made = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


def read_answer(stream):
    """(status, headers, body) of one answer, or None when the connection ends first."""
    line = stream.readline()
    while line and line.startswith(b"HTTP/1.1 100"):
        while stream.readline() not in (b"\r\n", b""):
            pass
        line = stream.readline()
    if not line:
        return None
    assert line.startswith(b"HTTP/1."), line
    status = int(line.split()[1])
    headers = {}
    while True:
        field = stream.readline()
        if field in (b"\r\n", b""):
            break
        name, _, value = field.partition(b":")
        headers[name.strip().lower().decode("latin-1")] = value.strip().decode("latin-1")
    length = int(headers.get("content-length", "0"))
    return status, headers, stream.read(length)


PROBE = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: probe\r\nConnection: close\r\n\r\n"


def send(sock, data, half_close=False):
    """Sends data to a server that may have had enough of it."""
    try:
        sock.sendall(data)
        if half_close:
            sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def exchange(server, data, expected=1, half_close=False):
    """Sends data; returns the answers that came, and whether the server then ended the connection.

    Whether it did is asked, not waited for: once as many answers came as are expected, another
    request goes out on the connection. One that is open answers it, and ends with it.
    """
    answers, probe, probed = [], None if half_close else PROBE, False
    with server.connect() as sock:
        send(sock, data, half_close)
        stream = sock.makefile("rb")
        while True:
            if probe and len(answers) >= expected:
                send(sock, probe)
                probe = None
            try:
                answer = read_answer(stream)
            except ConnectionError:
                answer = None
            if answer is None:
                return answers, not probed
            if answer[1].get("x-request-id") == "probe":
                probed = True
            else:
                answers.append(answer)


def check_tables(server, failures):
    for name, data, statuses, closes in HTTP:
        answers, closed = exchange(server, data, 1 if statuses is ANY else len(statuses))
        got = [answer[0] for answer in answers]
        if statuses is not ANY and got != statuses:
            failures.append("%s: answered %s, expected %s" % (name, got, statuses))
        if closes is not ANY and closed != closes:
            failures.append("%s: connection %s" % (name, "ended" if closed else "stays open"))
        for status, headers, body in answers:
            if "x-request-id" not in headers:
                failures.append("%s: a page of the library's own: %r" % (name, body))
            if status >= 400:
                document = json.loads(body) if body else {}
                shape = document.get("error", document)
                if (
                    not (shape.get("detail") or shape.get("message"))
                    or headers.get("x-content-type-options") != "nosniff"
                ):
                    failures.append("%s: odd error %r" % (name, body))
            if status == 405 and "allow" not in headers:
                failures.append("%s: 405 without Allow" % name)
    for name, body, status in JSON:
        answers, _ = exchange(
            server, post(b"/v1/jobs", body, b"Content-Type: application/json\r\n")
        )
        if [answer[0] for answer in answers] != [status]:
            failures.append(
                "json %s: answered %s, expected %s"
                % (name, [answer[:1] + answer[2:] for answer in answers], status)
            )


def check_manners(server, failures):
    """Half-closed connections, uploads given up at every offset, and answers that must reach a
    client that is still sending."""
    answers, _ = exchange(server, get(b"/healthz"), half_close=True)
    if [a[0] for a in answers] != [200]:
        failures.append("half-close after GET: %r" % answers)
    whole = post(b"/v1/corpora/cut", b"one two three\n" * 20, method=b"PUT")
    for at in list(range(1, len(whole), 7)):
        answers, _ = exchange(server, whole[:at], half_close=True)
        if any(a[0] < 400 for a in answers):
            failures.append("upload cut at %d was answered %r" % (at, answers))
    answers, _ = exchange(server, get(b"/v1/corpora/cut"))
    if [a[0] for a in answers] != [404]:
        failures.append("a cut upload left a corpus: %r" % answers)
    for name, body in (
        ("refused upload of 1 MB", b"a b\n" * 262144),
        ("refused upload of 900 KB", b"a b\n" * 230400),
    ):
        answers, _ = exchange(server, post(b"/v1/corpora/a..b", body, method=b"PUT"))
        if [a[0] for a in answers] != [422]:
            failures.append("%s: %r" % (name, answers))
    expect = (
        b"PUT /v1/corpora/c HTTP/1.1\r\n" + H + b"Expect: 100-continue\r\nContent-Length: 8\r\n\r\n"
    )
    with server.connect() as sock:
        sock.sendall(expect)
        got = sock.recv(100)
        sock.sendall(b"a b c d\n")
        answer = read_answer(sock.makefile("rb"))
        if not got.startswith(b"HTTP/1.1 100") or answer is None or answer[0] != 201:
            failures.append("100-continue: %r %r" % (got, answer))


class Dripper(threading.Thread):
    """Sends `first`, then one byte a second until the server ends the connection; the last to be
    borne is cut off after DRIPS bytes, which is a failure."""

    DRIPS = 120

    def __init__(self, server, kind, first, byte, ended):
        super().__init__(daemon=True)
        self.server, self.kind, self.first, self.byte, self.ended = server, kind, first, byte, ended
        self.connected, self.outcome = threading.Event(), None

    def run(self):
        try:
            with self.server.connect() as sock:
                self.outcome = self.drip(sock)
        finally:
            self.connected.set()
            self.ended.append(self)

    def drip(self, sock):
        try:
            sock.sendall(self.first)
            self.connected.set()
            for _ in range(self.DRIPS):
                if select.select([sock], [], [], 1)[0]:
                    return "refused" if sock.recv(4096).startswith(b"HTTP/1.1 408") else "closed"
                sock.sendall(self.byte)
        except ConnectionError:
            return "closed"
        return "borne"


def check_drippers(server, failures):
    """Clients that send a byte a second. Those that never end their header go first (the server's
    header_timeout is 3 s), those that never end a body later (min_body_rate, over 10 s at least);
    meanwhile others are served."""
    header = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "
    body = b"PUT /v1/corpora/slow HTTP/1.1\r\n" + H + b"Content-Length: 1000000\r\n\r\n"
    kinds = [
        ("request line", b"G", b"E"),
        ("header", header, b"a"),
        ("silent", b"", b""),
        ("body", body, b"a"),
    ]
    ended, drippers = [], []
    for kind in kinds * 13:
        drippers.append(Dripper(server, *kind, ended))
        drippers[-1].start()
    for dripper in drippers:
        dripper.connected.wait(PATIENCE)
    served = 0
    while any(dripper.is_alive() for dripper in drippers):
        status = exchange_one(server)
        if status != 200:
            failures.append("lookup among drippers: %r" % status)
        # Answered while these are connected and undone.
        served += any(dripper.kind == "body" and dripper.is_alive() for dripper in drippers)
        time.sleep(0.1)
    for dripper in drippers:
        if dripper.outcome not in ("refused", "closed"):
            failures.append("dripper (%s) was %s" % (dripper.kind, dripper.outcome))
    if served == 0:
        failures.append("no lookup was answered while drippers were connected")
    order = [dripper.kind == "body" for dripper in ended]
    if order != sorted(order):
        failures.append("drippers of a header outlived one of a body: %r" % order)


def exchange_one(server):
    with server.connect() as sock:
        sock.sendall(get(b"/healthz", b"Connection: close\r\n"))
        answer = read_answer(sock.makefile("rb"))
        return answer and answer[0]


def check_end(server, failures):
    if exchange_one(server) != 200:
        failures.append("the service is gone")
    code = server.stop()
    if code != 0:
        failures.append("stop: exit status %s" % code)
    odd = "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffd]"
    for line in server.lines:
        if re.search(odd, line):
            failures.append("a control character reached the log: %r" % line)


def main():
    failures = []
    with Server("--header-timeout", "3600", "--idle-timeout", "3600") as server:
        check_tables(server, failures)
        check_manners(server, failures)
        check_end(server, failures)
    with Server("--header-timeout", "3", "--idle-timeout", "3600") as server:
        check_drippers(server, failures)
        check_end(server, failures)
    for failure in failures:
        print("FAIL", failure)
    print("%d HTTP rows, %d JSON rows, %d failures" % (len(HTTP), len(JSON), len(failures)))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
