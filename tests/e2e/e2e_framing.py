"""RFC 9112 on the wire of the running service: a table with a case for each MUST on where a message
begins and ends. Each case is sent raw, followed by a second request, and judged by its status, by
whether the connection ends, and by what the second request gets: never an answer after a refusal,
always one after a good message. Then again, cut at random places with pauses between.

    e2e_framing.py [SEED]

Standard library only. VECMILL names the program.
"""

import json
import os
import random
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from service import PATIENCE, Service

DEEP = bool(os.environ.get("TEST_DEEP"))
CUTS = 40 if DEEP else 3  # how often each case is sent in pieces
SECOND = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: second\r\n\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
JOB = b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\n"  # 422 for {}, as members are missing
PUT = b"PUT /v1/corpora/c HTTP/1.1\r\nHost: x\r\n"
CHUNKED = PUT + b"Transfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"


def field(line):
    return b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + line + b"\r\n"


# section of RFC 9112 and its rule, bytes, statuses. A status below 500 may still be a good message
# (422); BAD ends the connection.
BAD = True
CASES = [
    # 2.2 Message Parsing
    ("2.1 MUST be read as octets", field(b"X: \xe9\xff\r\n"), [200], not BAD),
    ("2.2 SHOULD pass an empty line before a request", b"\r\n" + GET, [200], not BAD),
    ("2.2 bare LF behind the request line", b"GET / HTTP/1.1\nHost: x\r\n\r\n", [400], BAD),
    ("2.2 bare LF behind a field", b"GET / HTTP/1.1\r\nHost: x\n\r\n", [400], BAD),
    ("2.2 bare LF for the empty line", b"GET / HTTP/1.1\r\nHost: x\r\n\n", [400], BAD),
    ("2.2 bare LF everywhere", GET.replace(b"\r\n", b"\n"), [400], BAD),
    ("2.2 MUST NOT take a bare CR: value", field(b"X: a\rb\r\n"), [400], BAD),
    ("2.2 MUST NOT take a bare CR: name", field(b"X\r: a\r\n"), [400], BAD),
    ("2.2 MUST NOT take a bare CR: line", b"GET /\r HTTP/1.1\r\nHost: x\r\n\r\n", [400], BAD),
    ("2.2 MUST NOT take a bare CR: end", b"GET / HTTP/1.1\r\nHost: x\r\n\rX", [400], BAD),
    ("2.2 MUST reject space before the first field", b"GET / HTTP/1.1\r\n " + JOB, [400], BAD),
    ("2.2 MUST reject a tab before the first field", b"GET / HTTP/1.1\r\n\t" + JOB, [400], BAD),
    ("2.2 SHOULD answer 400 to what is no request", b"\x16\x03\x01\x02\x00\r\n", [400], BAD),
    # 2.3 Version
    ("2.3 lower case", b"GET / http/1.1\r\nHost: x\r\n\r\n", [400], BAD),
    ("2.3 two digits", b"GET / HTTP/1.10\r\nHost: x\r\n\r\n", [400], BAD),
    ("2.3 another major version", b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", [505], BAD),
    ("2.3 the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [505], BAD),
    ("2.3 none", b"GET /\r\n\r\n", [400], BAD),
    # 3 Request Line
    ("3 two spaces", b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", [400], BAD),
    ("3 a tab", b"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", [400], BAD),
    ("3 space at the end", b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n", [400], BAD),
    ("3 space before the method", b" GET / HTTP/1.1\r\nHost: x\r\n\r\n", [400], BAD),
    ("3 SHOULD answer 501 to a long method", b"A" * 40 + b" / HTTP/1.1\r\n\r\n", [501], BAD),
    ("3 MUST answer 414 to a long target", b"GET /" + b"a" * 9000 + b" HTTP/1.1", [414], BAD),
    ("3 MUST take targets of 8000 octets", GET.replace(b"z", b"z?" + b"a" * 8000), [200], not BAD),
    ("3.2 a space in the target", b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", [400], BAD),
    ("3.2 a control character", b"GET /\x0b HTTP/1.1\r\nHost: x\r\n\r\n", [400], BAD),
    ("3.2 MUST answer 400 without Host", b"GET /healthz HTTP/1.1\r\n\r\n", [400], BAD),
    ("3.2 MUST answer 400 to two Hosts", field(b"Host: x\r\n"), [400], BAD),
    ("3.2 MUST answer 400 to another Host", field(b"hOST: y\r\n"), [400], BAD),
    ("3.2 MUST answer 400 to a bad Host", GET.replace(b": x", b": x/y"), [400], BAD),
    ("3.2 MUST answer 400 to an empty Host", GET.replace(b": x", b":"), [400], BAD),
    ("3.2.2 MUST take the absolute form", GET.replace(b"/h", b"http://x/h"), [200], not BAD),
    ("3.2.2 MUST ignore Host then", field(b"").replace(b"/h", b"http://evil.example/h"), [421],
     not BAD),
    ("3.2.4 the asterisk form", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", [400], not BAD),
    # 5 Fields
    ("5.1 MUST answer 400 to space before the colon", JOB + b"Content-Length : 2\r\n\r\n{}", [400],
     BAD),
    ("5.1 MUST answer 400 to a tab before the colon", field(b"X\t: a\r\n"), [400], BAD),
    ("5.1 MUST drop white space around a value", JOB + b"Content-Length:  2 \t \r\n\r\n{}", [422],
     not BAD),
    ("5.1 no colon", field(b"X\r\n"), [400], BAD),
    ("5.1 no name", field(b": a\r\n"), [400], BAD),
    ("5.1 no token", field(b"X(: a\r\n"), [400], BAD),
    ("5.2 MUST answer 400 to a fold", field(b"X: a\r\n b\r\n"), [400], BAD),
    ("5.2 MUST answer 400 to a fold by tab", field(b"X: a\r\n\tb\r\n"), [400], BAD),
    ("5.2 MUST answer 400 to a folded length", JOB + b"Content-Length:\r\n 2\r\n\r\n{}", [400],
     BAD),
    ("5.5 MUST NOT take NUL", field(b"X: a\0b\r\n"), [400], BAD),
    ("5.5 a control character", field(b"X: a\x7fb\r\n"), [400], BAD),
    # 6.1 Transfer-Encoding
    ("6.1 MUST take chunked", CHUNKED + b"4\r\na b\n\r\n" + LAST, [201], not BAD),
    ("6.1 MUST NOT take a length beside", JOB + b"Content-Length: 5\r\nTransfer-Encoding: chunked"
     b"\r\n\r\n" + LAST, [400], BAD),
    ("6.1 MUST NOT take a length behind", JOB + b"Transfer-Encoding: chunked\r\nContent-Length: 5"
     b"\r\n\r\n" + LAST, [400], BAD),
    ("6.1 SHOULD answer 501 to another coding", JOB + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
     [501], BAD),
    ("6.1 chunked twice", JOB + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + LAST, [501], BAD),
    ("6.1 chunked not last", JOB + b"Transfer-Encoding: chunked, gzip\r\n\r\n" + LAST, [501], BAD),
    ("6.1 identity", JOB + b"Transfer-Encoding: identity\r\n\r\n", [501], BAD),
    ("6.1 xchunked", JOB + b"Transfer-Encoding: xchunked\r\n\r\n" + LAST, [501], BAD),
    ("6.1 two fields", JOB + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n" + LAST, [400], BAD),
    ("6.1 a vertical tab", JOB + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + LAST, [400], BAD),
    ("6.1 MUST distrust it in HTTP/1.0", b"POST /v1/jobs HTTP/1.0\r\nTransfer-Encoding: chunked"
     b"\r\n\r\n" + LAST, [400], BAD),
    ("6.1 letter case does not matter", PUT + b"transfer-ENCODING: ChunkeD\r\n\r\n4\r\na b\n\r\n"
     + LAST, [201], not BAD),
    ("6.1 MUST end a body of GET so, too", field(b"Transfer-Encoding: chunked\r\n") + b"1\r\nG\r\n"
     + LAST, [200], not BAD),
    # 6.2, 6.3 Content-Length
    ("6.2 MUST end a body there", JOB + b"Content-Length: 2\r\n\r\n{}", [422], not BAD),
    ("6.2 MUST end a body of GET there", field(b"Content-Length: %d\r\n" % len(GET)) + GET, [200],
     not BAD),
    ("6.3 MUST: no length is no body", b"DELETE /v1/corpora/none HTTP/1.1\r\nHost: x\r\n\r\n",
     [404], not BAD),
    ("6.3 MUST answer 400 to two lengths", JOB + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n"
     b"{}", [400], BAD),
    ("6.3 two equal lengths", JOB + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", [400],
     BAD),
    ("6.3 a list of equal lengths", JOB + b"Content-Length: 2, 2\r\n\r\n{}", [400], BAD),
    ("6.3 MUST answer 400 to a list", JOB + b"Content-Length: 2, 3\r\n\r\n{}", [400], BAD),
    ("6.3 MUST answer 400 to a sign", JOB + b"Content-Length: +2\r\n\r\n{}", [400], BAD),
    ("6.3 MUST answer 400 to a minus", JOB + b"Content-Length: -2\r\n\r\n{}", [400], BAD),
    ("6.3 MUST answer 400 to hexadecimal", JOB + b"Content-Length: 0x2\r\n\r\n{}", [400], BAD),
    ("6.3 MUST answer 400 to a point", JOB + b"Content-Length: 2.0\r\n\r\n{}", [400], BAD),
    ("6.3 MUST answer 400 to two numbers", JOB + b"Content-Length: 2 2\r\n\r\n{}", [400], BAD),
    ("6.3 MUST answer 400 to none", JOB + b"Content-Length: \r\n\r\n", [400], BAD),
    ("6.3 MUST not overflow", JOB + b"Content-Length: 18446744073709551618\r\n\r\n{}", [413], BAD),
    # 7.1 Chunks
    ("7.1 MUST read chunks", CHUNKED + b"2\r\na \r\nA\r\nb c d e f\n\r\n" + LAST, [201], not BAD),
    ("7.1 leading zeros", CHUNKED + b"0004\r\na b\n\r\n00" + LAST, [201], not BAD),
    ("7.1 MUST not overflow", CHUNKED + b"10000000000000004\r\na b\n\r\n" + LAST, [413], BAD),
    ("7.1 2^63", CHUNKED + b"8000000000000000\r\na b\n\r\n" + LAST, [413], BAD),
    ("7.1 bare LF behind a size", CHUNKED + b"4\na b\n\r\n" + LAST, [400], BAD),
    ("7.1 bare LF behind data", CHUNKED + b"4\r\na b\n\n" + LAST, [400], BAD),
    ("7.1 bare CR behind a size", CHUNKED + b"4\ra b\n\r\n" + LAST, [400], BAD),
    ("7.1 nothing behind data", CHUNKED + b"4\r\na b\n" + LAST, [400], BAD),
    ("7.1 more data than its size", CHUNKED + b"3\r\na b\n\r\n" + LAST, [400], BAD),
    ("7.1 no size", CHUNKED + b"\r\na b\n\r\n" + LAST, [400], BAD),
    ("7.1 0x", CHUNKED + b"0x4\r\na b\n\r\n" + LAST, [400], BAD),
    ("7.1 a sign", CHUNKED + b"+4\r\na b\n\r\n" + LAST, [400], BAD),
    ("7.1 space before a size", CHUNKED + b" 4\r\na b\n\r\n" + LAST, [400], BAD),
    ("7.1 space behind a size", CHUNKED + b"4 \r\na b\n\r\n" + LAST, [400], BAD),
    ("7.1 a letter too far", CHUNKED + b"g\r\na b\n\r\n" + LAST, [400], BAD),
    ("7.1.1 MUST ignore extensions", CHUNKED + b"4;a=b;c=\"d;e\"\r\na b\n\r\n0;z\r\n\r\n", [201],
     not BAD),
    ("7.1.1 bare LF in an extension", CHUNKED + b"4;a\nb\r\na b\n\r\n" + LAST, [400], BAD),
    ("7.1.1 bare CR in an extension", CHUNKED + b"4;a\rb\r\na b\n\r\n" + LAST, [400], BAD),
    ("7.1.1 NUL in an extension", CHUNKED + b"4;a\0b\r\na b\n\r\n" + LAST, [400], BAD),
    ("7.1.1 SHOULD limit extensions", CHUNKED + b"4;" + b"a" * 2000 + b"\r\na b\n\r\n" + LAST,
     [400], BAD),
    ("7.1.2 trailers", CHUNKED + b"4\r\na b\n\r\n0\r\nX: y \r\nZ:\r\n\r\n", [201], not BAD),
    ("7.1.2 bare LF behind the last chunk", CHUNKED + b"4\r\na b\n\r\n0\n\r\n", [400], BAD),
    ("7.1.2 bare LF behind a trailer", CHUNKED + b"4\r\na b\n\r\n0\r\nX: y\n\r\n", [400], BAD),
    ("7.1.2 bare LF for the empty line", CHUNKED + b"4\r\na b\n\r\n0\r\n\n", [400], BAD),
    ("7.1.2 MUST NOT merge a length", CHUNKED + b"0\r\nContent-Length: 9\r\n\r\n", [400], BAD),
    ("7.1.2 MUST NOT merge a coding", CHUNKED + b"0\r\nTransfer-Encoding: x\r\n\r\n", [400], BAD),
    ("7.1.2 MUST NOT merge a host", CHUNKED + b"0\r\nHost: y\r\n\r\n", [400], BAD),
    ("7.1.2 a folded trailer", CHUNKED + b"0\r\nX: a\r\n b\r\n\r\n", [400], BAD),
    # 9 Connections
    ("9.3.2 MUST answer in order", GET + JOB + b"Content-Length: 2\r\n\r\n{}" + GET,
     [200, 422, 200], not BAD),
    ("9.3.2 good ones before a bad one", GET + GET + JOB + b"Content-Length : 2\r\n\r\n{}",
     [200, 200, 400], BAD),
    ("9.3.2 a bad chunk behind a good request", GET + CHUNKED + b"4\na b\n\r\n" + LAST,
     [200, 400], BAD),
    ("9.6 MUST end after close", field(b"Connection: close\r\n"), [200], BAD),
    ("9.6 MUST end after close in capitals", field(b"Connection: x, CLOSE\r\n"), [200], BAD),
    ("9.3 MUST end after HTTP/1.0", b"GET /healthz HTTP/1.0\r\n\r\n", [200], BAD),
    # 11.2 Request Smuggling
    ("11.2 hidden behind a chunk that ends early", CHUNKED + b"4\r\na b\n\r\n0\r\n\r" + GET, [400],
     BAD),
    ("11.2 hidden in a body", JOB + b"Content-Length: %d\r\n\r\n" % len(GET) + GET, [400], not BAD),
]


def read_answer(stream):
    """Status, fields, body; None at the connection's end."""
    line = stream.readline()
    if not line:
        return None
    if not line.startswith(b"HTTP/1.1 "):
        raise AssertionError("no status line: %r" % line)
    headers = {}
    while (row := stream.readline()) not in (b"\r\n", b""):
        name, _, value = row.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return int(line.split()[1]), headers, stream.read(int(headers.get("content-length", "0")))


def send(sock, data, places):
    try:
        for begin, end in zip([0] + places, places + [len(data)]):
            sock.sendall(data[begin:end])
            if places:
                time.sleep(0.002)
    except OSError:
        pass  # the server has had enough


def exchange(port, data, places, expected, wrap=lambda sock: sock):
    """Sends data and the second request; the answers to data, and whether the second got one. wrap:
    what makes a TLS connection of a plain one, see e2e_tls.py."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock, answers = wrap(sock), []
    with sock, sock.makefile("rb") as stream:
        send(sock, data + SECOND, places)
        while True:
            try:
                answer = read_answer(stream)
            except OSError:
                answer = None
            if answer is None:
                return answers, False
            if answer[1].get("x-request-id") == "second":
                return answers, True
            answers.append(answer)
            if len(answers) > expected:
                return answers, False


def judge(name, answers, second, statuses, bad):
    got = [answer[0] for answer in answers]
    if got != statuses:
        return "%s: answered %s, expected %s" % (name, got, statuses)
    if second == bad:
        return "%s: the second request got %s" % (name, "an answer" if second else "none")
    for status, headers, body in answers:
        if "x-request-id" not in headers:
            return "%s: a page of the library's own: %r" % (name, body)
        if status >= 400 and not json.loads(body).get("detail"):
            return "%s: nothing is explained: %r" % (name, body)
    if bad and statuses[-1] >= 400 and answers[-1][1].get("connection") != "close":
        return "%s: the end is not announced" % name
    return None


def try_cases(port, rng, cuts, wrap=lambda sock: sock):
    """Every case whole and cut; what failed, and how many connections it took."""
    failures, sent = [], 0
    for name, data, statuses, bad in CASES:
        for cut in range(1 + cuts):
            n = min(rng.choice((1, 2, 5, 12)), len(data)) if cut else 0
            places = sorted(rng.sample(range(1, len(data) + len(SECOND)), n))
            answers, second = exchange(port, data, places, len(statuses), wrap)
            sent += 1
            failure = judge(name, answers, second, statuses, bad)
            if failure:
                failures.append(failure + (", cut at %s" % places if cut else ""))
                break
    return failures, sent


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 9112
    with Service("--allowed-hosts", "x", "--max-connections-per-address", "1024") as server:
        failures, sent = try_cases(server.port, random.Random(seed), CUTS)
        if server.get("/healthz").status != 200 or server.stop() != 0:
            failures.append("the service is gone")
    for failure in failures:
        print("FAIL", failure)
    counts = (len(CASES), sent, seed, len(failures))
    print("%d cases, %d connections, seed %d, %d failures" % counts)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
