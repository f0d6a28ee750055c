"""Hostile clients against the real program: every row of the tables below has one exact status, and says whether the connection ends.
Standard library only. VECMILL names the program."""
import atexit
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import service  # forgets the settings in the environment

VECMILL = os.environ.get("VECMILL", "./vecmill")
H = b"Host: x\r\n"


class Server:
    def __init__(self, *arguments):
        self.folder = tempfile.mkdtemp(prefix="vecmill-hostile-")
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.process = subprocess.Popen(
            [VECMILL, "serve", "--listen", "127.0.0.1:0", "--data", os.path.join(self.folder, "data"), *arguments],
            stdout=self.log, stderr=subprocess.STDOUT)
        atexit.register(self.kill)  # whatever a failed check leaves behind
        self.port = None
        until = time.monotonic() + 30
        while self.port is None:
            assert time.monotonic() < until and self.process.poll() is None, self.text()
            found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", self.text())
            self.port = int(found.group(1)) if found else time.sleep(0.02)

    def text(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def connect(self, timeout=8):
        made = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self.kill()
        return code


def read_answer(stream):
    """(status, headers, body) of one answer, or None when the connection ends first."""
    line = stream.readline()
    while line and line.startswith(b"HTTP/1.1 100"):
        while stream.readline() not in (b"\r\n", b""):
            pass
        line = stream.readline()
    while line and not line.startswith(b"HTTP/1."):
        line = stream.readline()  # libmicrohttpd 0.9.75 writes the header of its own errors twice: the rest is body
    if not line:
        return None
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


def exchange(server, data, half_close=False, timeout=8):
    """Sends data; returns the answers that came, and whether the server then ended the connection within a second."""
    answers, closed = [], False
    with server.connect(timeout) as sock:
        try:
            sock.sendall(data)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        stream = sock.makefile("rb")
        try:
            while True:
                sock.settimeout(timeout if not answers else 0.25)
                answer = read_answer(stream)
                if answer is None:
                    closed = True
                    break
                answers.append(answer)
        except (TimeoutError, socket.timeout):
            pass
        except OSError:
            closed = True
    return answers, closed


def get(path, extra=b"", version=b"1.1"):
    return b"GET " + path + b" HTTP/" + version + b"\r\n" + H + extra + b"\r\n"


def post(path, body, extra=b"", method=b"POST"):
    return method + b" " + path + b" HTTP/1.1\r\n" + H + extra + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunked(path, raw, extra=b"", method=b"PUT"):
    return method + b" " + path + b" HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\n" + extra + b"\r\n" + raw


SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
C = b"/v1/corpora/c"
KEEP, CLOSE, ANY = False, True, None

# name, bytes sent, statuses that may come (all answers, in order), does the connection end?
HTTP = [
    ("plain", get(b"/healthz"), [200], KEEP),
    ("head", b"HEAD /healthz HTTP/1.0\r\n" + H + b"\r\n", [200], CLOSE),
    ("http 1.0", get(b"/healthz", version=b"1.0"), [200], CLOSE),
    ("http 1.0 without host", b"GET /healthz HTTP/1.0\r\n\r\n", [200], CLOSE),
    ("connection: close", get(b"/healthz", b"Connection: close\r\n"), [200], CLOSE),
    ("pipelined", get(b"/healthz") * 3, [200, 200, 200], KEEP),
    ("absolute form", get(b"http://x/healthz"), [200], KEEP),
    ("absolute form, no path", get(b"http://x"), [200], KEEP),
    ("content-length and chunked", b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
     b"0\r\n\r\n" + SMUGGLED, [400], CLOSE),
    ("chunked and content-length on get", get(b"/healthz", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") + b"0\r\n\r\n"
     + SMUGGLED, [400], CLOSE),
    ("two equal lengths", b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" + SMUGGLED, [400],
     CLOSE),
    ("two lengths", b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}" + SMUGGLED, [400], CLOSE),
    ("two lengths on get", get(b"/healthz", b"Content-Length: 0\r\nContent-Length: 36\r\n") + SMUGGLED, [400], CLOSE),
    ("list of lengths", b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length: 2, 2\r\n\r\n{}", [400], CLOSE),
    ("length -1", b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length: -1\r\n\r\n", [400], CLOSE),
    ("length +4", b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length: +4\r\n\r\n{}{}", [400], CLOSE),
    ("length 0x4", b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length: 0x4\r\n\r\n{}{}", [400], CLOSE),
    ("length 2^64", b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length: 18446744073709551616\r\n\r\n", [413], CLOSE),
    ("length 2^64-1", b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length: 18446744073709551615\r\n\r\n", [400], CLOSE),
    ("empty length", b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length:\r\n\r\n", [400], CLOSE),
    ("te gzip", b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Transfer-Encoding: gzip\r\n\r\n" + SMUGGLED, [501], CLOSE),
    ("te gzip, chunked", b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", [501], CLOSE),
    ("te xchunked", b"PUT /v1/corpora/c HTTP/1.1\r\n" + H + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", [501], CLOSE),
    ("te identity", b"PUT /v1/corpora/c HTTP/1.1\r\n" + H + b"Transfer-Encoding: identity\r\n\r\n", [501], CLOSE),
    ("te twice", b"PUT /v1/corpora/c HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     [400], CLOSE),
    ("te on http 1.0", b"PUT /v1/corpora/c HTTP/1.0\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400], CLOSE),
    ("te in capitals", chunked(b"/v1/jobs", b"2\r\n{}\r\n0\r\n\r\n", method=b"POST").replace(b" chunked", b" CHUNKED"), [422], KEEP),
    ("chunk size overflow", chunked(C, b"fffffffffffffffff\r\nab\r\n"), [413], CLOSE),
    ("chunk size not hexadecimal", chunked(C, b"zz\r\nab\r\n0\r\n\r\n"), [400], CLOSE),
    ("chunk size negative", chunked(C, b"-2\r\nab\r\n0\r\n\r\n"), [400], CLOSE),
    ("chunk without crlf", chunked(C, b"2\r\nabXX0\r\n\r\n"), [400], CLOSE),
    ("chunk extension", chunked(C, b"3;name=value\r\na b\r\n0\r\n\r\n"), [201], KEEP),
    ("chunk extension of 20 KB", chunked(C, b"3;" + b"x" * 20000 + b"\r\na b\r\n0\r\n\r\n"), ANY, ANY),
    ("trailer", chunked(C, b"4\r\na b\n\r\n0\r\nX-Odd: 1\r\n\r\n"), [201], KEEP),
    ("space before colon", b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length : 5\r\n\r\nabcde", [400], CLOSE),
    ("folded header", get(b"/healthz", b"X-A: 1\r\n folded\r\nX-B: 2\r\n"), [400], CLOSE),
    ("header name with a slash", get(b"/healthz", b"X/A: 1\r\n"), [400], CLOSE),
    ("header name with a bracket", get(b"/healthz", b"X(A): 1\r\n"), [400], CLOSE),
    ("header name not ascii", get(b"/healthz", b"X\xc3\xa9: 1\r\n"), [400], CLOSE),
    ("header without a colon", get(b"/healthz", b"XA\r\n"), [400], CLOSE),
    ("header with an empty name", get(b"/healthz", b": 1\r\n"), [400], CLOSE),
    ("control character in a header", get(b"/healthz", b"X-A: a\x01b\r\n"), [400], CLOSE),
    ("bare line feeds", get(b"/healthz").replace(b"\r\n", b"\n"), [400], CLOSE),
    ("one bare line feed", get(b"/healthz", b"X-A: 1\nX-B: 2\r\n"), [400], CLOSE),
    ("bare carriage return", get(b"/healthz", b"X-A: 1\rX-B: 2\r\n"), [400], CLOSE),
    ("bare line feed at the end", b"GET /healthz HTTP/1.1\r\n" + H + b"\n", [400], CLOSE),
    ("request hidden behind an empty name", get(b"/healthz", b": 1\r\n" + SMUGGLED[:-2]), [400], CLOSE),
    ("length hidden in a fold", b"POST /v1/jobs HTTP/1.1\r\nConten: 2\r\n t-Length\r\n" + H + b"\r\n{}", [400], CLOSE),
    ("NUL in a header", get(b"/healthz", b"X-A: a\0b\r\n"), [400], CLOSE),
    ("NULs in a header", get(b"/healthz", b"X-A: a\0\0X-B: b\r\n"), [400], CLOSE),
    ("NUL in a name", get(b"/healthz", b"X-A\0: a\r\n"), [400], CLOSE),
    ("NUL in the target", get(b"/healthz\0.txt"), [400], CLOSE),
    ("two spaces before the target", get(b" /healthz"), [400], CLOSE),
    ("space behind the version", get(b"/healthz", version=b"1.1 "), [400], CLOSE),
    ("space in the target", get(b"/healthz x"), [], CLOSE),
    ("spaces around a value", get(b"/healthz", b"X-A:   a  \r\nX-B:\tb\t\r\nX-C:\r\nX-D: \r\n"), [200], KEEP),
    ("no host", b"GET /healthz HTTP/1.1\r\n\r\n", [400], CLOSE),
    ("two hosts", get(b"/healthz", b"Host: y\r\n"), [400], CLOSE),
    ("two equal hosts", get(b"/healthz", H), [400], CLOSE),
    ("host with a space", b"GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", [400], CLOSE),
    ("host with a slash", b"GET /healthz HTTP/1.1\r\nHost: a/b\r\n\r\n", [400], CLOSE),
    ("empty host", b"GET /healthz HTTP/1.1\r\nHost: \r\n\r\n", [400], CLOSE),
    ("%00 in the path", get(b"/healthz%00.txt"), [400], KEEP),
    ("%00 in the query", get(b"/v1/models/m/words?prefix=a%00b"), [400], KEEP),
    ("%2f in the path", get(b"/v1/corpora/a%2Fb"), [400], KEEP),
    ("%5c in the path", get(b"/v1/corpora/a%5cb"), [400], KEEP),
    ("backslash in the path", get(b"/v1/corpora/a\\b"), [400], KEEP),
    ("dot segments", get(b"/v1/../healthz"), [400], KEEP),
    ("encoded dot segments", get(b"/v1/%2e%2e/healthz"), [400], KEEP),
    ("encoded traversal", get(b"/%2e%2e%2fetc%2fpasswd"), [400], KEEP),
    ("one dot", get(b"/./healthz"), [400], KEEP),
    ("dots at the end", get(b"/v1/corpora/.."), [400], KEEP),
    ("control character in the path", get(b"/healthz\x01"), [400], KEEP),
    ("encoded line break", get(b"/v1/corpora/a%0d%0ab"), [400], KEEP),
    ("overlong utf-8", get(b"/v1/corpora/%c0%af"), [400], KEEP),
    ("lone continuation byte", get(b"/v1/corpora/\x80"), [400], KEEP),
    ("utf-8 surrogate", get(b"/v1/corpora/%ed%a0%80"), [400], KEEP),
    ("invalid utf-8 in the query", get(b"/v1/models/m/words?prefix=%ff"), [400], KEEP),
    ("bad percent", get(b"/v1/corpora/a%zz"), [400], KEEP),
    ("cut percent", get(b"/v1/corpora/a%2"), [400], KEEP),
    ("fragment", get(b"/healthz#x"), [400], KEEP),
    ("no slash", get(b"healthz"), [400], KEEP),
    ("double slash", get(b"//healthz"), [404], KEEP),
    ("slash at the end", get(b"/healthz/"), [404], KEEP),
    ("empty name", get(b"/v1/corpora/"), [404], KEEP),
    ("unknown path", get(b"/nothing"), [404], KEEP),
    ("path of 10 KB", get(b"/" + b"a" * 10000), [414], KEEP),
    ("path of 100 KB", get(b"/" + b"a" * 100000), [414], CLOSE),
    ("header of 100 KB", get(b"/healthz", b"X: " + b"a" * 100000 + b"\r\n"), [431], CLOSE),
    ("200 headers", get(b"/healthz", b"X: 1\r\n" * 200), [431], CLOSE),
    ("2000 headers", get(b"/healthz", b"X: 1\r\n" * 2000), [431], CLOSE),
    ("delete on health", b"DELETE /healthz HTTP/1.1\r\n" + H + b"\r\n", [405], KEEP),
    ("post on health", post(b"/healthz", b""), [405], KEEP),
    ("options", b"OPTIONS /healthz HTTP/1.1\r\n" + H + b"\r\n", [405], KEEP),
    ("options *", b"OPTIONS * HTTP/1.1\r\n" + H + b"\r\n", [400], KEEP),
    ("trace", b"TRACE /healthz HTTP/1.1\r\n" + H + b"\r\n", [405], KEEP),
    ("connect", b"CONNECT a:1 HTTP/1.1\r\n" + H + b"\r\n", [400], KEEP),
    ("unknown method", b"BREW /healthz HTTP/1.1\r\n" + H + b"\r\n", [501], CLOSE),
    ("lower-case method", b"get /healthz HTTP/1.1\r\n" + H + b"\r\n", [501], CLOSE),
    ("http 0.9", b"GET /healthz\r\n\r\n", ANY, CLOSE),
    ("http 2.0", get(b"/healthz", version=b"2.0"), [505], CLOSE),
    ("http 9.9", get(b"/healthz", version=b"9.9"), [505], CLOSE),
    ("version in lower case", b"GET /healthz http/1.1\r\n" + H + b"\r\n", ANY, CLOSE),
    ("tls client hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(1, 64)) + b"\r\n\r\n", ANY, CLOSE),
    ("only line breaks before", b"\r\n\r\n" + get(b"/healthz"), [200], KEEP),
    ("length over the json limit", b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length: 99999999\r\n\r\n", [413], CLOSE),
    ("the same with expect", b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", [413],
     CLOSE),
    ("small refused with expect", b"POST /nothing HTTP/1.1\r\n" + H + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n", [404], CLOSE),
    ("expect something else", get(b"/healthz", b"Expect: tea\r\n"), [417], CLOSE),
    ("json of 2 MB", post(b"/v1/jobs", b" " * 2097152), [413], CLOSE),
    ("json of 2 MB, chunked", chunked(b"/v1/jobs", b"200000\r\n" + b" " * 2097152 + b"\r\n0\r\n\r\n", method=b"POST"), [413], CLOSE),
    ("xml", post(b"/v1/jobs", b"<a/>", b"Content-Type: text/xml\r\n"), [415], KEEP),
    ("compressed json", post(b"/v1/jobs", b"xx", b"Content-Encoding: gzip\r\n"), [415], KEEP),
    ("corpus in an unknown encoding", post(C, b"a b\n", b"Content-Encoding: br\r\n", b"PUT"), [415], KEEP),
    ("from a page of another site", post(b"/v1/jobs", b"{}", b"Sec-Fetch-Site: cross-site\r\n"), [403], KEEP),
    ("body on get", post(b"/healthz", b"abc", method=b"GET"), [200], KEEP),
    ("request hidden in a body of get", post(b"/healthz", SMUGGLED, method=b"GET"), [200], KEEP),
    ("request hidden in a body of delete", post(b"/v1/corpora/none", SMUGGLED, method=b"DELETE"), [404], KEEP),
    ("request hidden in a refused body", post(b"/nothing", SMUGGLED), [404], KEEP),
    ("large body on get", post(b"/healthz", b"a" * 3000000, method=b"GET"), [413], CLOSE),
    ("name with dots", post(b"/v1/corpora/a..b", b"a b\n", method=b"PUT"), [422], KEEP),
    ("name too long", post(b"/v1/corpora/" + b"a" * 129, b"a b\n", method=b"PUT"), [422], KEEP),
    ("name with a space", post(b"/v1/corpora/a%20b", b"a b\n", method=b"PUT"), [422], KEEP),
    ("bad utf-8 in the request id", get(b"/healthz", b"X-Request-Id: \xff\xfe\r\n"), [200], KEEP),
]

DEEP = b'{"corpus":' + b"[" * 40 + b"]" * 40 + b"}"
JSON = [
    ("empty", b"", 400), ("blank", b"  \n", 400), ("no object", b"[]", 400), ("a number", b"1", 400), ("cut", b'{"a"', 400),
    ("depth 41", DEEP, 400), ("depth 100000", b"[" * 100000, 400), ("duplicate keys", b'{"corpus":"a","corpus":"b"}', 400),
    ("30 digits", b'{"corpus":111111111111111111111111111111}', 400), ("1e999", b'{"corpus":1e999}', 400),
    ("NaN", b'{"corpus":NaN}', 400), ("Infinity", b'{"corpus":-Infinity}', 400), ("hexadecimal", b'{"corpus":0x1}', 400),
    ("leading zero", b'{"corpus":01}', 400), ("plus", b'{"corpus":+1}', 400), ("no digit behind the point", b'{"corpus":1.}', 400),
    ("NUL in a value", b'{"corpus":"a\\u0000b"}', 400), ("NUL in a key", b'{"cor\\u0000pus":"a"}', 400),
    ("raw NUL", b'{"corpus":"a\x00b"}', 400), ("raw line break", b'{"corpus":"a\nb"}', 400),
    ("high surrogate", b'{"corpus":"\\ud800"}', 400), ("low surrogate", b'{"corpus":"\\udc00"}', 400),
    ("two high surrogates", b'{"corpus":"\\ud800\\ud800"}', 400), ("raw surrogate", b'{"corpus":"\xed\xa0\x80"}', 400),
    ("bad utf-8", b'{"corpus":"\xff"}', 400), ("overlong", b'{"corpus":"\xc0\xaf"}', 400), ("bad escape", b'{"corpus":"\\x41"}', 400),
    ("short escape", b'{"corpus":"\\u12"}', 400), ("trailing text", b"{} x", 400), ("two documents", b"{}{}", 400),
    ("trailing comma", b'{"corpus":"a",}', 400), ("single quotes", b"{'corpus':'a'}", 400), ("comment", b"/**/{}", 400),
    ("byte order mark", b"\xef\xbb\xbf{}", 400), ("number of 2000 digits", b'{"corpus":0.' + b"1" * 2000 + b"}", 400),
    ("unknown member", b'{"corpus":"a","model":"m","sparkles":1}', 422), ("missing members", b"{}", 422),
    ("wrong type", b'{"corpus":1,"model":"m"}', 422), ("unknown setting", b'{"corpus":"a","model":"m","settings":{"dmi":1}}', 422),
    ("dim 0", b'{"corpus":"a","model":"m","settings":{"dim":0}}', 422),
    ("dim 2^63", b'{"corpus":"a","model":"m","settings":{"dim":9223372036854775808}}', 400),
    ("no such corpus", b'{"corpus":"none","model":"m"}', 404),
]


def check_tables(server, failures):
    for name, data, statuses, closes in HTTP:
        answers, closed = exchange(server, data)
        got = [answer[0] for answer in answers]
        if statuses is not None and got != statuses:
            failures.append("%s: answered %s, expected %s" % (name, got, statuses))
        if closes is not None and closed != closes:
            failures.append("%s: connection %s" % (name, "ended" if closed else "stays open"))
        for status, headers, body in answers:
            if "x-request-id" in headers and status >= 400:
                document = json.loads(body) if body else {}
                shape = document.get("error", document)
                if not (shape.get("detail") or shape.get("message")) or headers.get("x-content-type-options") != "nosniff":
                    failures.append("%s: odd error %r" % (name, body))
            if status == 405 and "allow" not in headers:
                failures.append("%s: 405 without Allow" % name)
    for name, body, status in JSON:
        answers, _ = exchange(server, post(b"/v1/jobs", body, b"Content-Type: application/json\r\n"))
        if [answer[0] for answer in answers] != [status]:
            failures.append("json %s: answered %s, expected %s" % (name, [answer[:1] + answer[2:] for answer in answers], status))


def check_manners(server, failures):
    """Half-closed connections, uploads given up at every offset, and answers that must reach a client that is still sending."""
    answers, _ = exchange(server, get(b"/healthz"), half_close=True)
    if [a[0] for a in answers] != [200]:
        failures.append("half-close after GET: %r" % answers)
    whole = post(b"/v1/corpora/cut", b"one two three\n" * 20, method=b"PUT")
    for at in list(range(1, len(whole), 7)):
        answers, _ = exchange(server, whole[:at], half_close=True, timeout=3)
        if any(a[0] < 400 for a in answers):
            failures.append("upload cut at %d was answered %r" % (at, answers))
    answers, _ = exchange(server, get(b"/v1/corpora/cut"))
    if [a[0] for a in answers] != [404]:
        failures.append("a cut upload left a corpus: %r" % answers)
    for name, body in (("refused upload of 1 MB", b"a b\n" * 262144), ("refused upload of 900 KB", b"a b\n" * 230400)):
        answers, _ = exchange(server, post(b"/v1/corpora/a..b", body, method=b"PUT"))
        if [a[0] for a in answers] != [422]:
            failures.append("%s: %r" % (name, answers))
    expect = b"PUT /v1/corpora/c HTTP/1.1\r\n" + H + b"Expect: 100-continue\r\nContent-Length: 8\r\n\r\n"
    with server.connect() as sock:
        sock.sendall(expect)
        got = sock.recv(100)
        sock.sendall(b"a b c d\n")
        answer = read_answer(sock.makefile("rb"))
        if not got.startswith(b"HTTP/1.1 100") or answer is None or answer[0] != 201:
            failures.append("100-continue: %r %r" % (got, answer))


def drip(server, first, byte, results, index, deadline):
    """Sends `first`, then one byte a second; results[index] is how long the server bore it."""
    began = time.monotonic()
    try:
        with server.connect(timeout=1) as sock:
            sock.sendall(first)
            while time.monotonic() - began < deadline:
                try:
                    got = sock.recv(4096)
                    if got == b"" or got.startswith(b"HTTP/1.1 408"):
                        break
                except (TimeoutError, socket.timeout):
                    sock.sendall(byte)
    except OSError:
        pass
    results[index] = time.monotonic() - began


def check_drippers(server, failures):
    header = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "
    body = b"PUT /v1/corpora/slow HTTP/1.1\r\n" + H + b"Content-Length: 1000000\r\n\r\n"
    kinds = [("request line", b"G", b"E", 5), ("header", header, b"a", 5), ("silent", b"", b"", 5), ("body", body, b"a", 23)]
    results = [None] * 52
    threads = []
    for i in range(len(results)):
        kind = kinds[i % len(kinds)]
        threads.append(threading.Thread(target=drip, args=(server, kind[1], kind[2], results, i, 40)))
        threads[-1].start()
    slowest, until = 0.0, time.monotonic() + 24
    while time.monotonic() < until and any(thread.is_alive() for thread in threads):
        began = time.monotonic()
        answers, _ = exchange_one(server)
        slowest = max(slowest, time.monotonic() - began)
        if answers != 200:
            failures.append("lookup among drippers: %r" % answers)
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    for i, seconds in enumerate(results):
        name, _, _, deadline = kinds[i % len(kinds)]
        if seconds > deadline:
            failures.append("dripper %d (%s) lived %.1f s" % (i, name, seconds))
    if slowest > 0.5:
        failures.append("a lookup among drippers took %.3f s" % slowest)


def exchange_one(server):
    with server.connect() as sock:
        sock.sendall(get(b"/healthz", b"Connection: close\r\n"))
        answer = read_answer(sock.makefile("rb"))
        return (answer[0] if answer else None), True


def check_crowd(failures):
    server = Server("--max-connections", "8", "--header-timeout", "3")
    try:
        held = [server.connect() for _ in range(8)]
        time.sleep(0.3)
        answers, closed = exchange(server, get(b"/healthz"))
        if [a[0] for a in answers] != [503] or not closed:
            failures.append("ninth of 8 connections: %r" % answers)
        for sock in held:
            sock.close()
        time.sleep(0.3)
        if exchange_one(server)[0] != 200:
            failures.append("no recovery from too many connections")
    finally:
        if server.stop() != 0:
            failures.append("exit status after a crowd")
    server = Server("--max-connections-per-address", "2")
    try:
        held = [server.connect() for _ in range(2)]
        time.sleep(0.3)
        answers, closed = exchange(server, get(b"/healthz"))
        if [a[0] for a in answers] != [429] or not closed or "retry-after" not in answers[0][1]:
            failures.append("third of 2 connections from one address: %r" % answers)
        for sock in held:
            sock.close()
    finally:
        server.stop()


def main():
    failures = []
    server = Server("--header-timeout", "3", "--idle-timeout", "30")
    check_tables(server, failures)
    check_manners(server, failures)
    check_drippers(server, failures)
    if exchange_one(server)[0] != 200:
        failures.append("the service is gone")
    log = server.text()
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", log):
        failures.append("a control character reached the log")
    began = time.monotonic()
    code = server.stop()
    if code != 0 or time.monotonic() - began > 10:
        failures.append("stop: exit status %s after %.1f s" % (code, time.monotonic() - began))
    check_crowd(failures)
    for failure in failures:
        print("FAIL", failure)
    print("%d HTTP rows, %d JSON rows, %d failures" % (len(HTTP), len(JSON), len(failures)))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
