"""What the tests of the model routes ask a running program with: checks that count themselves, a
server, answers, models made up here."""

import json
import math
import random
import struct

import service  # forgets the settings in the environment

try:
    import numpy
except ImportError:
    numpy = None

CHECKS = 0


def check(condition, what):
    global CHECKS
    CHECKS += 1
    if not condition:
        raise AssertionError(what)


def equal(found, wanted, what):
    check(found == wanted, f"{what}: {found!r} instead of {wanted!r}")


def near(found, wanted, what, tolerance=1e-6):
    check(
        len(found) == len(wanted) and all(abs(a - b) <= tolerance for a, b in zip(found, wanted)),
        f"{what}: {found!r} instead of {wanted!r}",
    )


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        def no_constant(name):
            raise AssertionError(f"{name} is no JSON")

        return json.loads(self.body, parse_constant=no_constant)


class Server:
    """A service whose answers are checked as they come."""

    def __init__(self, folder, *options):
        self.service = service.Service(*options, data=folder)
        self.port, self.lines = self.service.port, self.service.lines

    def ask(self, method, path, body=None, headers=None):
        answer = self.service.call(method, path, body, headers)
        return Answer(answer.status, answer.headers, answer.body)

    def get(self, path, status=200, headers=None):
        answer = self.ask("GET", path, headers=headers)
        equal(answer.status, status, f"GET {path} ({answer.body[:300]!r})")
        return answer

    def post(self, path, body, status=200, headers=None):
        answer = self.ask("POST", path, body, headers)
        equal(answer.status, status, f"POST {path} {str(body)[:200]} ({answer.body[:300]!r})")
        return answer

    def error(self, method, path, body, status, param, text=None):
        answer = self.ask(method, path, body)
        equal(answer.status, status, f"{method} {path} {str(body)[:200]} ({answer.body[:300]!r})")
        equal(answer.headers["Content-Type"], "application/json", "type of an error")
        error = answer.json()["error"]
        for member in ("message", "type", "param", "code"):
            check(member in error, f"{member} missing in {error}")
        equal(error["param"], param, f"place of the error {error}")
        check(text is None or text in error["message"], f"{text!r} is not in {error['message']!r}")
        return error

    def stop(self):
        return self.service.stop()

    def close(self):
        self.service.close()


# The published example table.
WORDS = ["king", "queen", "man", "woman"]
E = [[1.0, 2.0], [3.0, -4.0], [0.5, 0.25], [-6.0, 8.0]]


def text_file(words, rows):
    lines = [f"{len(words)} {len(rows[0])}"]
    lines += [" ".join([word] + [repr(value) for value in row]) for word, row in zip(words, rows)]
    return "\n".join(lines) + "\n"


def binary_file(words, rows):
    parts = [f"{len(words)} {len(rows[0])}\n".encode()]
    for word, row in zip(words, rows):
        parts.append(word.encode() + b" " + struct.pack(f"<{len(row)}f", *row) + b"\n")
    return b"".join(parts)


def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def bits(values):
    return struct.pack(f"<{len(values)}f", *values)


def random_model(n=200, dim=7):
    """Floats of every size, so that the shortest text is put to the test."""
    generator = random.Random(7)
    words = [f"word{i}" for i in range(n - 3)] + ["Ärger", "東京", "don't\"\\"]
    rows = [
        [float32(generator.uniform(-1, 1) * 10.0 ** generator.randint(-12, 12)) for _ in range(dim)]
        for _ in range(n)
    ]
    rows[3] = [0.0, -0.0, 1e-38, -3.4028234663852886e38 / 1e10, 1.0, float32(0.1), float32(1 / 3)]
    return words, rows


def decode_npy(body):
    check(body[:8] == b"\x93NUMPY\x01\x00", "magic of npy")
    length = struct.unpack("<H", body[8:10])[0]
    equal((10 + length) % 64, 0, "numbers start at a multiple of 64")
    header = eval(
        body[10 : 10 + length].decode(), {"__builtins__": {}}, {}
    )  # a literal of our own server
    equal(header["descr"], "<f4", "npy descr")
    equal(header["fortran_order"], False, "npy order")
    return header["shape"], body[10 + length :]


def decode_safetensors(body):
    length = struct.unpack("<Q", body[:8])[0]
    equal((8 + length) % 8, 0, "header of safetensors is padded")
    header = json.loads(body[8 : 8 + length])
    tensor = header["embeddings"]
    equal(tensor["dtype"], "F32", "dtype")
    begin, end = tensor["data_offsets"]
    equal((begin, end), (0, len(body) - 8 - length), "offsets")
    return tuple(tensor["shape"]), body[8 + length :]


def import_samples(server):
    """The models `table` (the published example) and `wide` (random_model)."""
    for name, file, body in (
        ("table", "vectors.txt", text_file(WORDS, E)),
        ("wide", "vectors.bin", binary_file(*random_model())),
    ):
        answer = server.ask("PUT", f"/v1/models/{name}/files/{file}", body)
        equal(answer.status, 201, f"import of {name} ({answer.body!r})")


def run_against_samples(tests):
    """Runs tests in turn against one server that holds the samples; the exit code of the script."""
    server = Server(None)
    try:
        import_samples(server)
        for test in tests:
            test(server)
            print(f"{test.__name__}: ok")
        equal(server.stop(), 0, "exit status")
    finally:
        server.close()
    print(f"{CHECKS} checks passed")
    return 0


def check_rows(server, words, rows):
    data = server.post("/v1/models/wide/embeddings", {"words": words}).json()["data"]
    equal([row["word"] for row in data], words, "words of an import")
    for row, wanted in zip(data, rows):
        equal(bits(row["vector"]), bits(wanted), f"bits of {row['word']}")


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(
        sum(x * x for x in a) * sum(y * y for y in b)
    )
