"""What e2e_hostile.py sends: rows of requests, each with the one answer that it may have."""

H = b"Host: x\r\n"


def get(path, extra=b"", version=b"1.1"):
    return b"GET " + path + b" HTTP/" + version + b"\r\n" + H + extra + b"\r\n"


def post(path, body, extra=b"", method=b"POST"):
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    return method + b" " + path + b" HTTP/1.1\r\n" + H + extra + length + body


def chunked(path, raw, extra=b"", method=b"PUT"):
    extra = b"Transfer-Encoding: chunked\r\n" + extra
    return method + b" " + path + b" HTTP/1.1\r\n" + H + extra + b"\r\n" + raw


def delete(extra):
    return b"DELETE /v1/corpora/none HTTP/1.1\r\n" + H + extra + b"\r\n"


def options(origin):
    extra = b"Origin: " + origin + b"\r\nAccess-Control-Request-Method: PUT\r\n"
    return b"OPTIONS /v1/corpora/none HTTP/1.1\r\n" + H + extra + b"\r\n"


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
    (
        "content-length and chunked",
        b"POST /v1/jobs HTTP/1.1\r\n"
        + H
        + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\n" + SMUGGLED,
        [400],
        CLOSE,
    ),
    (
        "chunked and content-length on get",
        get(b"/healthz", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")
        + b"0\r\n\r\n"
        + SMUGGLED,
        [400],
        CLOSE,
    ),
    (
        "two equal lengths",
        b"POST /v1/jobs HTTP/1.1\r\n"
        + H
        + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"
        + SMUGGLED,
        [400],
        CLOSE,
    ),
    (
        "two lengths",
        b"POST /v1/jobs HTTP/1.1\r\n"
        + H
        + b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}"
        + SMUGGLED,
        [400],
        CLOSE,
    ),
    (
        "two lengths on get",
        get(b"/healthz", b"Content-Length: 0\r\nContent-Length: 36\r\n") + SMUGGLED,
        [400],
        CLOSE,
    ),
    (
        "list of lengths",
        b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length: 2, 2\r\n\r\n{}",
        [400],
        CLOSE,
    ),
    ("length -1", b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length: -1\r\n\r\n", [400], CLOSE),
    (
        "length +4",
        b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length: +4\r\n\r\n{}{}",
        [400],
        CLOSE,
    ),
    (
        "length 0x4",
        b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length: 0x4\r\n\r\n{}{}",
        [400],
        CLOSE,
    ),
    (
        "length 2^64",
        b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length: 18446744073709551616\r\n\r\n",
        [413],
        CLOSE,
    ),
    (
        "length 2^64-1",
        b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length: 18446744073709551615\r\n\r\n",
        [413],
        CLOSE,
    ),
    ("empty length", b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length:\r\n\r\n", [400], CLOSE),
    (
        "te gzip",
        b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Transfer-Encoding: gzip\r\n\r\n" + SMUGGLED,
        [501],
        CLOSE,
    ),
    (
        "te gzip, chunked",
        b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        [501],
        CLOSE,
    ),
    (
        "te xchunked",
        b"PUT /v1/corpora/c HTTP/1.1\r\n" + H + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        [501],
        CLOSE,
    ),
    (
        "te identity",
        b"PUT /v1/corpora/c HTTP/1.1\r\n" + H + b"Transfer-Encoding: identity\r\n\r\n",
        [501],
        CLOSE,
    ),
    (
        "te twice",
        b"PUT /v1/corpora/c HTTP/1.1\r\n"
        + H
        + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        [400],
        CLOSE,
    ),
    (
        "te on http 1.0",
        b"PUT /v1/corpora/c HTTP/1.0\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        [400],
        CLOSE,
    ),
    (
        "te in capitals",
        chunked(b"/v1/jobs", b"2\r\n{}\r\n0\r\n\r\n", method=b"POST").replace(
            b" chunked", b" CHUNKED"
        ),
        [422],
        KEEP,
    ),
    ("chunk size overflow", chunked(C, b"fffffffffffffffff\r\nab\r\n"), [413], CLOSE),
    ("chunk size not hexadecimal", chunked(C, b"zz\r\nab\r\n0\r\n\r\n"), [400], CLOSE),
    ("chunk size negative", chunked(C, b"-2\r\nab\r\n0\r\n\r\n"), [400], CLOSE),
    ("chunk without crlf", chunked(C, b"2\r\nabXX0\r\n\r\n"), [400], CLOSE),
    ("chunk extension", chunked(C, b"3;name=value\r\na b\r\n0\r\n\r\n"), [201], KEEP),
    (
        "chunk extension of 20 KB",
        chunked(C, b"3;" + b"x" * 20000 + b"\r\na b\r\n0\r\n\r\n"),
        ANY,
        ANY,
    ),
    ("trailer", chunked(C, b"4\r\na b\n\r\n0\r\nX-Odd: 1\r\n\r\n"), [201], KEEP),
    (
        "space before colon",
        b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length : 5\r\n\r\nabcde",
        [400],
        CLOSE,
    ),
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
    (
        "request hidden behind an empty name",
        get(b"/healthz", b": 1\r\n" + SMUGGLED[:-2]),
        [400],
        CLOSE,
    ),
    (
        "length hidden in a fold",
        b"POST /v1/jobs HTTP/1.1\r\nConten: 2\r\n t-Length\r\n" + H + b"\r\n{}",
        [400],
        CLOSE,
    ),
    ("NUL in a header", get(b"/healthz", b"X-A: a\0b\r\n"), [400], CLOSE),
    ("NULs in a header", get(b"/healthz", b"X-A: a\0\0X-B: b\r\n"), [400], CLOSE),
    ("NUL in a name", get(b"/healthz", b"X-A\0: a\r\n"), [400], CLOSE),
    ("NUL in the target", get(b"/healthz\0.txt"), [400], CLOSE),
    ("two spaces before the target", get(b" /healthz"), [400], CLOSE),
    ("space behind the version", get(b"/healthz", version=b"1.1 "), [400], CLOSE),
    ("space in the target", get(b"/healthz x"), [400], CLOSE),
    (
        "spaces around a value",
        get(b"/healthz", b"X-A:   a  \r\nX-B:\tb\t\r\nX-C:\r\nX-D: \r\n"),
        [200],
        KEEP,
    ),
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
    ("control character in the path", get(b"/healthz\x01"), [400], CLOSE),
    ("encoded line break", get(b"/v1/corpora/a%0d%0ab"), [400], KEEP),
    ("overlong utf-8", get(b"/v1/corpora/%c0%af"), [400], KEEP),
    ("lone continuation byte", get(b"/v1/corpora/\x80"), [400], KEEP),
    ("utf-8 surrogate", get(b"/v1/corpora/%ed%a0%80"), [400], KEEP),
    ("invalid utf-8 in the query", get(b"/v1/models/m/words?prefix=%ff"), [400], KEEP),
    ("bad percent", get(b"/v1/corpora/a%zz"), [400], KEEP),
    ("cut percent", get(b"/v1/corpora/a%2"), [400], KEEP),
    ("C1 in the path", get(b"/v1/corpora/\xc2\x9b31m"), [422], KEEP),
    ("line separator in the path", get(b"/v1/corpora/%e2%80%a8x"), [422], KEEP),
    ("marks of direction in the path", get(b"/v1/models/\xe2\x80\xaex"), [404], KEEP),
    ("escape in a query", get(b"/v1/models/m/words?prefix=%1b[2J"), [404], KEEP),
    ("fragment", get(b"/healthz#x"), [400], KEEP),
    ("no slash", get(b"healthz"), [400], KEEP),
    ("double slash", get(b"//healthz"), [404], KEEP),
    ("slash at the end", get(b"/healthz/"), [404], KEEP),
    ("empty name", get(b"/v1/corpora/"), [404], KEEP),
    ("unknown path", get(b"/nothing"), [404], KEEP),
    ("path of 10 KB", get(b"/" + b"a" * 10000), [414], CLOSE),
    ("path of 8192 bytes", get(b"/" + b"a" * 8191), [404], KEEP),
    ("path of 8193 bytes", get(b"/" + b"a" * 8192), [414], CLOSE),
    ("950 pairs", get(b"/healthz?" + b"a=1&" * 950), [200], KEEP),
    ("4096 pairs", get(b"/healthz?" + b"a&" * 4090 + b"a"), [200], KEEP),
    ("query marks in the query", get(b"/v1/models/m/words?prefix=?&?=?"), [404], KEEP),
    ("0xff in the path", get(b"/healthz\xff"), [400], CLOSE),
    ("path of 100 KB", get(b"/" + b"a" * 100000), [414], CLOSE),
    ("header of 100 KB", get(b"/healthz", b"X: " + b"a" * 100000 + b"\r\n"), [431], CLOSE),
    ("header of 32 KB", get(b"/healthz", b"X: " + b"a" * 32700 + b"\r\n"), [200], KEEP),
    ("4000 cookies", get(b"/healthz", b"Cookie: a" + b";b" * 4000 + b"\r\n"), [431], CLOSE),
    (
        "all that a head may hold, and 60 KB behind it",
        get(
            b"/healthz?" + b"a&" * 4000,
            b"Cookie: a" + b"; bcdefg" * 99 + b"c" * 7000 + b"\r\n" + b"X: " + b"a" * 140 + b"\r\n",
            b"1.1",
        ).replace(b"\r\n\r\n", b"\r\n" + b"Y: " + b"b" * 15500 + b"\r\n" + b"Z:\r\n" * 95 + b"\r\n")
        + get(b"/healthz") * 1700,
        [200] * 1701,
        KEEP,
    ),
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
    (
        "tls client hello",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(1, 64)) + b"\r\n\r\n",
        ANY,
        CLOSE,
    ),
    ("only line breaks before", b"\r\n\r\n" + get(b"/healthz"), [200], KEEP),
    (
        "length over the json limit",
        b"POST /v1/jobs HTTP/1.1\r\n" + H + b"Content-Length: 99999999\r\n\r\n",
        [413],
        CLOSE,
    ),
    (
        "the same with expect",
        b"POST /v1/jobs HTTP/1.1\r\n"
        + H
        + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n",
        [413],
        CLOSE,
    ),
    (
        "small refused with expect",
        b"POST /nothing HTTP/1.1\r\n" + H + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
        [404],
        CLOSE,
    ),
    ("expect something else", get(b"/healthz", b"Expect: tea\r\n"), [417], CLOSE),
    ("json of 2 MB", post(b"/v1/jobs", b" " * 2097152), [413], CLOSE),
    (
        "json of 2 MB, chunked",
        chunked(b"/v1/jobs", b"200000\r\n" + b" " * 2097152 + b"\r\n0\r\n\r\n", method=b"POST"),
        [413],
        CLOSE,
    ),
    ("xml", post(b"/v1/jobs", b"<a/>", b"Content-Type: text/xml\r\n"), [415], KEEP),
    ("compressed json", post(b"/v1/jobs", b"xx", b"Content-Encoding: gzip\r\n"), [415], KEEP),
    (
        "corpus in an unknown encoding",
        post(C, b"a b\n", b"Content-Encoding: br\r\n", b"PUT"),
        [415],
        KEEP,
    ),
    (
        "from a page of another site",
        post(b"/v1/jobs", b"{}", b"Sec-Fetch-Site: cross-site\r\n"),
        [403],
        KEEP,
    ),
    ("from a page of a neighbour", delete(b"Sec-Fetch-Site: same-site\r\n"), [403], KEEP),
    ("two kinds of site", delete(b"Sec-Fetch-Site: none\r\n" * 2), [403], KEEP),
    ("from a page of its own", delete(b"Sec-Fetch-Site: same-origin\r\n"), [404], KEEP),
    ("by the user", delete(b"Sec-Fetch-Site: none\r\n"), [404], KEEP),
    ("from its own origin", delete(b"Origin: http://x\r\n"), [404], KEEP),
    ("from its own origin, with the port", delete(b"Origin: HTTP://X:80\r\n"), [404], KEEP),
    ("from its own origin by TLS", delete(b"Origin: https://x\r\n"), [403], KEEP),
    ("from another port", delete(b"Origin: http://x:81\r\n"), [403], KEEP),
    ("from another origin", delete(b"Origin: http://evil.example\r\n"), [403], KEEP),
    ("from no origin", delete(b"Origin: null\r\n"), [403], KEEP),
    ("from an empty origin", delete(b"Origin:\r\n"), [403], KEEP),
    ("from two origins", delete(b"Origin: http://x\r\n" * 2), [403], KEEP),
    (
        "a form of another page",
        post(b"/v1/jobs", b"{}", b"Origin: http://y\r\nContent-Type: text/plain\r\n"),
        [403],
        KEEP,
    ),
    ("read by another page", get(b"/healthz", b"Origin: http://evil.example\r\n"), [200], KEEP),
    ("preflight", options(b"http://evil.example"), [403], KEEP),
    ("another of its hosts", get(b"/healthz").replace(b": x", b": Y:123"), [200], KEEP),
    ("an IPv4 address", get(b"/healthz").replace(b": x", b": 10.1.2.3:8080"), [200], KEEP),
    ("an IPv6 address", get(b"/healthz").replace(b": x", b": [fe80::1]:8080"), [200], KEEP),
    ("localhost", get(b"/healthz").replace(b": x", b": localhost:8080"), [200], KEEP),
    ("below localhost", get(b"/healthz").replace(b": x", b": a.LocalHost"), [200], KEEP),
    ("localhost from the root", get(b"/healthz").replace(b": x", b": localhost."), [200], KEEP),
    ("a foreign host", get(b"/healthz").replace(b": x", b": evil.example"), [421], KEEP),
    ("a foreign host and port", get(b"/").replace(b": x", b": evil.example:80"), [421], KEEP),
    ("almost localhost", get(b"/").replace(b": x", b": notlocalhost"), [421], KEEP),
    ("localhost of another", get(b"/").replace(b": x", b": localhost.evil.example"), [421], KEEP),
    ("almost an address", get(b"/").replace(b": x", b": 127.0.0.1.evil.example"), [421], KEEP),
    ("an address in octal", get(b"/").replace(b": x", b": 0177.0.0.1"), [421], KEEP),
    ("a host with a bad port", get(b"/").replace(b": x", b": x:1x"), [421], KEEP),
    ("foreign, absolute form", get(b"http://evil.example/healthz"), [421], KEEP),
    ("a user in the absolute form", get(b"http://x@evil.example/healthz"), [400], CLOSE),
    ("body on get", post(b"/healthz", b"abc", method=b"GET"), [200], KEEP),
    ("request hidden in a body of get", post(b"/healthz", SMUGGLED, method=b"GET"), [200], KEEP),
    (
        "request hidden in a body of delete",
        post(b"/v1/corpora/none", SMUGGLED, method=b"DELETE"),
        [404],
        KEEP,
    ),
    ("request hidden in a refused body", post(b"/nothing", SMUGGLED), [404], KEEP),
    ("large body on get", post(b"/healthz", b"a" * 3000000, method=b"GET"), [413], CLOSE),
    ("name with dots", post(b"/v1/corpora/a..b", b"a b\n", method=b"PUT"), [422], KEEP),
    ("name too long", post(b"/v1/corpora/" + b"a" * 129, b"a b\n", method=b"PUT"), [422], KEEP),
    ("name with a space", post(b"/v1/corpora/a%20b", b"a b\n", method=b"PUT"), [422], KEEP),
    ("bad utf-8 in the request id", get(b"/healthz", b"X-Request-Id: \xff\xfe\r\n"), [200], KEEP),
]

DEEP = b'{"corpus":' + b"[" * 40 + b"]" * 40 + b"}"
JSON = [
    ("empty", b"", 400),
    ("blank", b"  \n", 400),
    ("no object", b"[]", 400),
    ("a number", b"1", 400),
    ("cut", b'{"a"', 400),
    ("depth 41", DEEP, 400),
    ("depth 100000", b"[" * 100000, 400),
    ("duplicate keys", b'{"corpus":"a","corpus":"b"}', 400),
    ("30 digits", b'{"corpus":111111111111111111111111111111}', 400),
    ("1e999", b'{"corpus":1e999}', 400),
    ("NaN", b'{"corpus":NaN}', 400),
    ("Infinity", b'{"corpus":-Infinity}', 400),
    ("hexadecimal", b'{"corpus":0x1}', 400),
    ("leading zero", b'{"corpus":01}', 400),
    ("plus", b'{"corpus":+1}', 400),
    ("no digit behind the point", b'{"corpus":1.}', 400),
    ("NUL in a value", b'{"corpus":"a\\u0000b"}', 400),
    ("NUL in a key", b'{"cor\\u0000pus":"a"}', 400),
    ("raw NUL", b'{"corpus":"a\x00b"}', 400),
    ("raw line break", b'{"corpus":"a\nb"}', 400),
    ("high surrogate", b'{"corpus":"\\ud800"}', 400),
    ("low surrogate", b'{"corpus":"\\udc00"}', 400),
    ("two high surrogates", b'{"corpus":"\\ud800\\ud800"}', 400),
    ("raw surrogate", b'{"corpus":"\xed\xa0\x80"}', 400),
    ("bad utf-8", b'{"corpus":"\xff"}', 400),
    ("overlong", b'{"corpus":"\xc0\xaf"}', 400),
    ("bad escape", b'{"corpus":"\\x41"}', 400),
    ("short escape", b'{"corpus":"\\u12"}', 400),
    ("trailing text", b"{} x", 400),
    ("two documents", b"{}{}", 400),
    ("trailing comma", b'{"corpus":"a",}', 400),
    ("single quotes", b"{'corpus':'a'}", 400),
    ("comment", b"/**/{}", 400),
    ("byte order mark", b"\xef\xbb\xbf{}", 400),
    ("number of 2000 digits", b'{"corpus":0.' + b"1" * 2000 + b"}", 400),
    ("unknown member", b'{"corpus":"a","model":"m","sparkles":1}', 422),
    ("missing members", b"{}", 422),
    ("wrong type", b'{"corpus":1,"model":"m"}', 422),
    ("unknown setting", b'{"corpus":"a","model":"m","settings":{"dmi":1}}', 422),
    ("dim 0", b'{"corpus":"a","model":"m","settings":{"dim":0}}', 422),
    ("dim 2^63", b'{"corpus":"a","model":"m","settings":{"dim":9223372036854775808}}', 400),
    ("no such corpus", b'{"corpus":"none","model":"m"}', 404),
]
