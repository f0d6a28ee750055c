"""Requests made from an OpenAPI document, and what a hostile client makes of them. Everything comes
from the random generator that is handed in. Standard library only."""

import gzip
import json
import struct
from urllib.parse import quote

NUMBERS = [0, -1, -2, 1, 2, 1.5, -0.0, -(2**31), 2**31, 2**32, 2**53, 2**63 - 1, 2**63]
NUMBERS += [-(2**63), 2**64, 1e308]
TEXTS = ["", "a", "the", " ", "-1", "0", "99999999999999999999", "nan", "inf", "1e999", "\u00e9",
         "\U0001f600", "\u202e", "\u2028", "../..", "%00", "%", "a" * 300, "null", "true", "*",
         "\t"]
BYTES = [b"\0", b"\xff", b"\r", b"\n", b"\r\n", b" ", b"\t", b"{", b"}", b"[", b"]", b'"', b"\\",
         b"%",
         b"&", b"=", b"?", b"#", b":", b",", b"0", b"9" * 20, b"-", b"\xc0\xaf", b"\xed\xa0\x80"]
FIELDS = [b"Accept: application/x-npy", b"Accept: application/vnd.safetensors", b"Accept: ;q=0",
          b"Accept: application/octet-stream", b"Accept: text/html;q=0.1, */*;q=2",
          b"Range: bytes=0-0",
          b"Range: bytes=5-2", b"Range: bytes=-1", b"Range: bytes=0-99999999999999999999",
          b'If-None-Match: "x"', b"If-None-Match: *", b"If-Range: x", b"Content-Encoding: gzip",
          b"Content-Encoding: zstd", b"Content-Encoding: br", b"Content-Type: text/plain",
          b"Content-Type: application/x-ndjson", b"Content-Type: ;",
          b"Content-Type: a/b; charset=\xff",
          b"Expect: 100-continue", b"Expect: tea", b"Connection: keep-alive", b"Idempotency-Key: k",
          b"Idempotency-Key: " + b"k" * 500, b"Last-Event-ID: 3", b"Last-Event-ID: -1",
          b"Last-Event-ID: x", b"X-Request-Id: a b", b"Origin: null",
          b"Origin: http://evil.example",
          b"Sec-Fetch-Site: cross-site", b"Cookie: a=b; c", b"Host: y", b"Content-Length: 3",
          b"Content-Length : 3", b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip",
          b"X: \x1b[2J", b"TE: trailers", b"Upgrade: h2c", b"Authorization: Bearer \xff", b": x",
          b"x"]
METHODS = [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"get",
           b"X"]


def value_of(rng, schema, schemas, words, depth=0):
    """A value that the schema allows, mostly."""
    if "$ref" in schema:
        return value_of(rng, schemas[schema["$ref"].rsplit("/", 1)[1]], schemas, words, depth)
    for key in ("oneOf", "anyOf"):
        if key in schema and "properties" not in schema:
            return value_of(rng, rng.choice(schema[key]), schemas, words, depth)
    if "enum" in schema:
        return rng.choice(schema["enum"])
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = rng.choice(kind)
    if kind == "object":
        made = {}
        for name, inner in schema.get("properties", {}).items():
            if name in schema.get("required", ()) or rng.random() < 0.4:
                made[name] = value_of(rng, inner, schemas, words, depth + 1)
        return made
    if kind == "array":
        items = schema.get("items") or {"type": rng.choice(["string", "integer"])}
        return [value_of(rng, items, schemas, words, depth + 1) for _ in range(rng.randint(1, 4))]
    low = schema.get("minimum", 0)
    if kind == "integer":
        return rng.randint(low, max(low, min(schema.get("maximum", 9), 9)))
    if kind == "number":
        return round(rng.uniform(low, max(low, min(schema.get("maximum", 2), 2))), 3)
    return {"boolean": rng.random() < 0.5, "null": None}.get(kind, rng.choice(words))


class Request:
    """The parts of a request before it becomes bytes."""

    def __init__(self, method, path, query, fields, body):
        self.method, self.path, self.query = method, path, query
        self.fields, self.body = fields, body
        self.document = None  # of a JSON body
        self.chunked = False

    def bytes(self, rng):
        body = self.body
        if self.document is not None:
            body = json.dumps(self.document, ensure_ascii=rng.random() < 0.5)
            body = body.encode("utf-8", "surrogatepass")
        target = self.path + (b"?" + self.query if self.query else b"")
        head = [self.method + b" " + target + b" HTTP/1.1", b"Host: 127.0.0.1"] + self.fields
        if self.chunked and body:
            head.append(b"Transfer-Encoding: chunked")
            body = chunks(rng, body)
        elif body is not None:
            head.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join(head) + b"\r\n\r\n" + (body or b"")


def chunks(rng, body):
    made, at = b"", 0
    while at < len(body):
        n = rng.randint(1, len(body) - at)
        made += b"%x" % n + rng.choice([b"", b";a=b"]) + b"\r\n" + body[at : at + n] + b"\r\n"
        at += n
    return made + b"0\r\n" + rng.choice([b"", b"X: y\r\n"]) + b"\r\n"


class Requests:
    """Valid requests of every operation of the document. names: for each hole of a path, what to
    put there; bodies: for each media type, bytes to choose from."""

    def __init__(self, document, names, bodies, words):
        self.schemas = document["components"]["schemas"]
        self.names, self.bodies, self.words = names, bodies, words
        self.operations = [
            (method, path, operation)
            for path, methods in sorted(document["paths"].items())
            for method, operation in sorted(methods.items())
        ]

    def make(self, rng, index):
        method, path, operation = self.operations[index % len(self.operations)]
        query = []
        for parameter in operation.get("parameters", ()):
            name, schema = parameter["name"], parameter["schema"]
            if parameter["in"] == "path":
                if name not in self.names:
                    raise SystemExit("the fuzzer has nothing for {%s} of %s" % (name, path))
                value = rng.choice(self.names[name])
                path = path.replace("{" + name + "}", quote(value, safe=""))
            elif parameter["in"] == "header":
                pass  # see FIELDS
            elif rng.random() < (0.08 if len(operation["parameters"]) > 20 else 0.5):
                value = value_of(rng, schema, self.schemas, self.words)
                value = value if isinstance(value, list) else [value]
                query += [name + "=" + quote(str(v).lower()) for v in value]
        made = Request(method.upper().encode(), path.encode(), "&".join(query).encode(), [], None)
        content = operation.get("requestBody", {}).get("content")
        if content:
            kind = rng.choice(sorted(content))
            made.fields.append(b"Content-Type: " + kind.encode())
            if kind == "application/json":
                schema = content[kind]["schema"]
                made.document = value_of(rng, schema, self.schemas, self.words)
                if isinstance(made.document, dict):
                    for name in ("model", "corpus"):
                        if name in made.document:
                            made.document[name] = rng.choice(self.names[name])
            else:
                made.body = rng.choice(self.bodies[kind])
        return made


# ---- mutations ---------------------------------------------------------------------------------


def places(node, found):
    """(container, key) of every node below."""
    if isinstance(node, (dict, list)):
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            found.append((node, key))
            places(node[key], found)
    return found


def odd_value(rng):
    deep = []
    for _ in range(rng.choice([1, 5, 40])):
        deep = [deep]
    return rng.choice([rng.choice(NUMBERS), rng.choice(TEXTS), None, True, False, {}, [], deep,
                       {"a": {"b": 1}}, [[]] * 50, float("nan"), "\ud800"])


def mutate_document(rng, request):
    if request.document is None:
        return
    found = places(request.document, [])
    if not found or rng.random() < 0.1:
        request.document = odd_value(rng)
        return
    container, key = rng.choice(found)
    choice = rng.randrange(5)
    if choice == 0:
        del container[key]
    elif choice == 1 and isinstance(container, dict):
        container[rng.choice(TEXTS)] = odd_value(rng)
    elif choice == 2 and isinstance(container, list):
        container.extend([container[key]] * rng.choice([1, 30, 3000]))
    elif isinstance(container[key], (int, float)):
        container[key] = rng.choice(NUMBERS)
    else:
        container[key] = odd_value(rng)


def mutate_query(rng, request):
    pairs = request.query.split(b"&") if request.query else []
    choice = rng.choice([0, 0, 0, 1, 2, 3])
    if choice == 0 and pairs:
        name = rng.choice(pairs).split(b"=")[0]
        value = rng.choice(NUMBERS if rng.random() < 0.6 else TEXTS)
        pairs.append(name + b"=" + quote(str(value)).encode())
        if rng.random() < 0.7:
            pairs = [pairs[-1]] + [p for p in pairs if p.split(b"=")[0] != name]
    elif choice == 1 and pairs:
        pairs *= rng.choice([2, 50])
    elif choice == 2:
        pairs.append(quote(rng.choice(TEXTS)).encode() + b"=" + rng.choice(BYTES[3:]))
    elif pairs:
        pairs.remove(rng.choice(pairs))
    request.query = b"&".join(pairs)[:7000]


def mutate_numbers(rng, request):
    """Another number wherever the query has one, and in one place of the document."""
    pairs = [pair.partition(b"=") for pair in request.query.split(b"&")]
    request.query = b"&".join(
        name + equals + (str(rng.choice(NUMBERS)).encode() if value.isdigit() else value)
        for name, equals, value in pairs
    )
    found = [
        (container, key)
        for container, key in places(request.document, [])
        if isinstance(container[key], (int, float)) and not isinstance(container[key], bool)
    ]
    if found:
        container, key = rng.choice(found)
        container[key] = rng.choice(NUMBERS)


def mutate_fields(rng, request):
    for _ in range(rng.randint(1, 3)):
        request.fields.insert(rng.randint(0, len(request.fields)), rng.choice(FIELDS))


def mutate_line(rng, request):
    if rng.random() < 0.5:
        request.method = rng.choice(METHODS)
    else:
        at = rng.randint(1, len(request.path))
        piece = quote(rng.choice(TEXTS)).encode() if rng.random() < 0.7 else rng.choice(BYTES)
        request.path = request.path[:at] + piece + request.path[at:]


def mutate_encoding(rng, request):
    if request.document is not None:
        request.body = json.dumps(request.document).encode("utf-8", "surrogatepass")
        request.document = None
    body = request.body or b"x"
    choice = rng.randrange(6)
    if choice == 0:
        request.body = gzip.compress(body, mtime=0)
        request.fields.append(b"Content-Encoding: gzip")
    elif choice == 1:
        request.body = gzip.compress(body, mtime=0)[: rng.randint(1, 40)]
        request.fields.append(b"Content-Encoding: gzip")
    elif choice == 2:
        request.body = body.decode("utf-8", "replace").encode(rng.choice(["utf-16", "utf-32"]))
    elif choice == 3:
        request.body = b"\xef\xbb\xbf" + body
    elif choice == 4:
        request.chunked = True
    else:
        request.body = body * rng.choice([2, 20])


def mutate_bytes(rng, data):
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8])):
        at, choice = rng.randrange(len(data) + 1), rng.randrange(5)
        if choice == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif choice == 1:
            data[at:at] = rng.choice(BYTES)
        elif choice == 2:
            del data[at : at + rng.choice([1, 4, 40])]
        elif choice == 3:
            data[at:at] = data[at : at + rng.choice([1, 16, 200])]
        else:
            data[at : at + 4] = struct.pack("<I", rng.choice([0, 1, 2**31, 2**32 - 1]))
    return bytes(data)


KINDS = [
    mutate_document,
    mutate_query,
    mutate_numbers,
    mutate_numbers,
    mutate_fields,
    mutate_line,
    mutate_encoding,
]


def mutated(rng, requests, index):
    """The bytes of one request: one in ten stays valid."""
    request = requests.make(rng, index)
    if rng.random() < 0.9:
        for _ in range(rng.choice([1, 1, 2, 4])):
            rng.choice(KINDS)(rng, request)
    data = request.bytes(rng)
    if rng.random() < 0.2:
        data = mutate_bytes(rng, data)
    return data
