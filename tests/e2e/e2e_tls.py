"""TLS of the running service: versions, ciphers, renegotiation, certificates that change while
connections live, client certificates, silent and slow handshakes, and the framing of requests,
which must be checked behind the encryption as well as without. Certificates are made by openssl."""

import hashlib
import http.client
import itertools
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from e2e_framing import read_answer, try_cases
from service import PATIENCE, VECMILL, Answer, Service, check, expect, run_tests, wait_until
from service import zipf_text

RECORDS = ((16384,), (16384, 10000), (10000, 16384), (4096,), (1000, 1), (333,), (61,))
WEAK = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"


def openssl(*arguments, **more):
    done = subprocess.run(["openssl", *arguments], capture_output=True, **more)
    check(done.returncode == 0, "openssl", arguments, done.stderr.decode())
    return done.stdout


class Authority:
    """Signs certificates into a folder."""

    def __init__(self, folder, name):
        self.folder, self.name, self.n = folder, name, 0
        self.cert, self.key = self.path("ca.pem"), self.path("ca.key")
        self.make_key(self.key)
        extensions = ["-addext", "basicConstraints=critical,CA:TRUE"]
        subject = ["-subj", "/CN=" + name]
        openssl("req", "-x509", "-new", "-key", self.key, "-out", self.cert, *subject, *extensions)

    def path(self, name):
        return os.path.join(self.folder, self.name + "-" + name)

    @staticmethod
    def make_key(path, kind=("EC", "ec_paramgen_curve:P-256")):
        openssl("genpkey", "-algorithm", kind[0], "-pkeyopt", kind[1], "-out", path)

    def sign(self, usage="serverAuth", days="30", kind=("EC", "ec_paramgen_curve:P-256")):
        """Files of a certificate and its key."""
        self.n += 1
        cert, key, more = (self.path("%d.%s" % (self.n, end)) for end in ("pem", "key", "ext"))
        self.make_key(key, kind)
        with open(more, "w") as file:
            file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
            file.write("extendedKeyUsage=%s\n" % usage)
        request = openssl("req", "-new", "-key", key, "-subj", "/CN=%s-%d" % (self.name, self.n))
        signed = ["-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-extfile", more]
        openssl("x509", "-req", *signed, "-days", days, "-out", cert, input=request)
        return cert, key


class Secure(Service):
    """A server that speaks TLS with a certificate of self.authority."""

    def __init__(self, *options, clients=None, kind=("EC", "ec_paramgen_curve:P-256")):
        self.folder = tempfile.mkdtemp(prefix="vecmill-tls-")
        self.authority = Authority(self.folder, "ca")
        self.cert, self.key = os.path.join(self.folder, "cert"), os.path.join(self.folder, "key")
        self.install(*self.authority.sign(kind=kind))
        self.client = None  # certificate and key that calls use
        files = ["--tls-cert", self.cert, "--tls-key", self.key]
        super().__init__(*files, *options)

    def install(self, cert, key):
        shutil.copy(cert, self.cert)
        shutil.copy(key, self.key)

    def close(self):
        super().close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def context(self):
        made = ssl.create_default_context(cafile=self.authority.cert)
        if self.client:
            made.load_cert_chain(*self.client)
        return made

    def wrap(self, sock, context=None):
        return (context or self.context()).wrap_socket(sock, server_hostname="localhost")

    def connect(self, context=None):
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.wrap(sock, context)

    def call(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPSConnection(
            "localhost", self.port, timeout=PATIENCE, context=self.context()
        )
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def reload(self):
        seen = len(self.lines)
        self.process.send_signal(signal.SIGHUP)
        wait_until(
            lambda: [line for line in self.lines[seen:] if "certificate" in line],
            lambda: "no reload: " + self.log(),
        )
        return "\n".join(self.lines[seen:])

    def served(self, sock=None):
        """The certificate that the server shows."""
        with sock or self.connect() as secure:
            return hashlib.sha256(secure.getpeercert(binary_form=True)).hexdigest()


def file_digest(path):
    with open(path) as file:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).hexdigest()


def offers(low, high, ciphers=WEAK):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(ciphers)
    context.minimum_version, context.maximum_version = low, high
    return context


def handshake(server, context):
    """Version and cipher, or None when there is no agreement."""
    try:
        with server.connect(context) as secure:
            return secure.version(), secure.cipher()[0]
    except (ssl.SSLError, ConnectionError):
        return None


def test_versions():
    versions = ssl.TLSVersion
    for minimum, good in (("1.2", ("TLSv1.2", "TLSv1.3")), ("1.3", ("TLSv1.3",))):
        with Secure("--tls-minimum", minimum) as server:
            for version in (versions.TLSv1, versions.TLSv1_1, versions.TLSv1_2, versions.TLSv1_3):
                got = handshake(server, offers(version, version))
                name = version.name.replace("_", ".")
                check((got is not None) == (name in good), minimum, name, got)
                check(got is None or got[0] == name, name, got)
            check(server.get("/healthz").status == 200, "it lives on")


def test_ciphers():
    """Each cipher that openssl knows, alone: what is taken encrypts with authentication, and with
    keys that are gone afterwards."""
    two = ssl.TLSVersion.TLSv1_2
    for kind in (("EC", "ec_paramgen_curve:P-256"), ("RSA", "rsa_keygen_bits:2048")):
        taken = []
        with Secure(kind=kind) as server:
            known = offers(two, two).get_ciphers()
            names = [cipher["name"] for cipher in known if cipher["protocol"] != "TLSv1.3"]
            check(len(names) > 40, "openssl knows few ciphers", names)
            for name in names:
                try:
                    context = offers(two, two, name + ":@SECLEVEL=0")
                except ssl.SSLError:
                    continue
                if handshake(server, context):
                    taken.append(name)
            check(taken, "no cipher of TLS 1.2 is taken")
            for name in taken:
                check(name.startswith("ECDHE-"), "no forward secrecy:", name)
                check("GCM" in name or "POLY1305" in name, "weak:", name)
            got = handshake(server, server.context())
            check(got and got[0] == "TLSv1.3", "the newest version is not chosen", got)


def test_renegotiation():
    with Secure() as server:
        command = ["openssl", "s_client", "-connect", "127.0.0.1:%d" % server.port, "-tls1_2"]
        ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        plain = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        plain.stdin.write(ask)
        plain.stdin.flush()
        said = b""
        while b'"status":"ok"' not in said:
            more = os.read(plain.stdout.fileno(), 65536)
            check(more, "no answer", said)
            said += more
        plain.stdin.write(b"R\n")  # a line by itself asks for a renegotiation
        plain.stdin.flush()
        said = b""
        while more := os.read(plain.stdout.fileno(), 65536):  # until the connection ends
            said += more
        plain.stdin.close()
        plain.wait(PATIENCE)
        check(b"RENEGOTIATING" in said, "openssl asked for none", said)
        check(b'"status"' not in said, "it renegotiates", said)
        check(server.get("/healthz").status == 200, "it lives on")


def test_silent_handshakes():
    """Clients that say nothing, or not enough, are gone when header_timeout is over."""
    with Secure("--header-timeout", "0.5") as server:
        hello = ssl.MemoryBIO()
        made = server.context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
        try:
            made.do_handshake()
        except ssl.SSLWantReadError:
            pass
        hello = hello.read()
        for begun in (b"", hello[:1], hello[:5], hello[:-1], hello):
            socks = [
                socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
                for _ in range(20)
            ]
            for sock in socks:
                sock.sendall(begun)
            for sock in socks:
                while sock.recv(65536):  # what it has to say, until the connection ends
                    pass
                sock.close()
        # And one whose handshake is whole, but nothing follows.
        with server.connect() as secure:
            check(secure.recv(100) == b"", "a silent client stays")
        check(server.get("/healthz").status == 200, "it lives on")


def test_plain_http():
    with Secure() as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as sock:
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            said = b""
            while more := sock.recv(1000):
                said += more
        check(said.startswith(b"HTTP/1.1 400 ") and b"https" in said, said)
        listen = "127.0.0.1:%d" % server.port
        for variables, good in (({"VECMILL_TLS_CERT": server.cert}, True), ({}, False)):
            done = subprocess.run(
                [VECMILL, "healthcheck", "--listen", listen],
                env={**os.environ, **variables},
                capture_output=True,
            )
            check((done.returncode == 0) == good, "healthcheck", variables, done)


def test_framing():
    """The table of e2e_framing.py holds behind TLS, too."""
    crowd = ("--max-connections-per-address", "1024")
    with Secure("--allowed-hosts", "x,localhost", *crowd) as server:
        context = server.context()
        wrap = lambda sock: server.wrap(sock, context)  # noqa: E731
        failures, sent = try_cases(server.port, random.Random(9112), 1, wrap)
        check(not failures, "\n".join(failures))
        check(sent > 200, "cases", sent)
        check(server.get("/healthz").status == 200, "it lives on")


def cut(length, sizes):
    """(size, place) of pieces, of sizes that take turns."""
    at = 0
    for size in itertools.cycle(sizes):
        if at >= length:
            return
        yield size, at
        at += size


def test_records():
    """Heads and bodies in TLS records of every size, also such as hold several requests, or fill
    the server's buffer to the brim: nothing waits for bytes that are there already."""
    rng = random.Random(7)
    text = zipf_text(300000).encode()
    spaces = b"X-Space: a" + b" " * 60 + b"b" + b"\t" * 50 + b"c\r\n"
    fill = b"".join(b"X-%d: %s\r\n" % (i, b"v" * rng.randrange(900)) for i in range(60))
    # White space behind values is taken out, so that less comes out than was in a record.
    padded = b"".join(b"X-%d: %s%s\r\n" % (i, b"v" * 370, b" " * 40) for i in range(68))
    ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
    many = b"".join(ask % (spaces * rng.randrange(4)) for _ in range(40))
    put = b"PUT /v1/corpora/c HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(text)
    small = put.replace(b": %d" % len(text), b": 12000")
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(part), part)
        for part in (text[i : i + 7000] for i in range(0, len(text), 7000))
    )
    chunked = b"PUT /v1/corpora/d HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    cases = [
        (ask % (fill[:20000].rsplit(b"\r\n", 1)[0] + b"\r\n"), [200]),
        (ask % (spaces * 100), [431]),
        (ask % (spaces * 90), [200]),
        (many, [200] * 40),
        (put + text + ask % b"", [201, 200]),
        (small[:-2] + padded + b"\r\n" + text[:12000], [201]),
        (chunked + chunks + b"0\r\n\r\n" + ask % b"", [201, 200]),
    ]
    with Secure() as server:
        for data, statuses in cases:
            for sizes in RECORDS:
                with server.connect() as secure, secure.makefile("rb") as stream:
                    try:
                        for size, at in cut(len(data), sizes):
                            secure.sendall(data[at : at + size])
                    except OSError:
                        check(statuses == [431], "the server had enough", statuses)
                    got = [read_answer(stream)[0] for _ in statuses]
                    check(got == statuses, "in records of", sizes, got, statuses)


def test_answers():
    """Large answers, files with ranges and streams of events."""
    with Secure() as server:
        text = zipf_text(200000)
        expect(server.put("/v1/corpora/c", text.encode()), 201)
        body = {"corpus": "c", "model": "m", "settings": {"dim": 64, "epochs": 1, "min_count": 1}}
        job = expect(server.post("/v1/jobs", body), 202).json["id"]
        with server.connect() as secure, secure.makefile("rb") as stream:
            ask = b"GET /v1/jobs/%s/events HTTP/1.0\r\nHost: localhost\r\n\r\n" % job.encode()
            secure.sendall(ask)
            events = stream.read()
            check(b"event: state" in events and b"succeeded" in events, events[-500:])
        whole = expect(server.get("/v1/models/m/files/vectors.bin"), 200)
        check(len(whole.body) > 900000, "a small file", len(whole.body))
        part = server.get("/v1/models/m/files/vectors.bin", headers={"Range": "bytes=1000-500999"})
        check(part.status == 206 and part.body == whole.body[1000:501000], "a range")


def test_reload():
    with Secure() as server:
        first = server.served()
        check(first == file_digest(server.cert), "the certificate that is served")
        with server.connect() as old, old.makefile("rb") as stream:
            ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
            old.sendall(ask)
            check(read_answer(stream)[0] == 200, "an answer")
            second = server.authority.sign()
            server.install(*second)
            check(server.served() == first, "a new certificate before it is asked for")
            check("read again" in server.reload(), "it is not told")
            check(server.served() == file_digest(second[0]), "the new certificate is not served")
            old.sendall(ask)
            check(read_answer(stream)[0] == 200, "the connection from before is gone")
            check(server.served(None) != first, "the old certificate")
            other = server.authority.sign()
            with open(other[0]) as file:
                cut = file.read()[:200]
            broken = os.path.join(server.folder, "broken")
            with open(broken, "w") as file:
                file.write(cut)
            pairs = ((other[0], second[1]), (broken, second[1]), (second[0], broken))
            for cert, key in pairs:  # no pair; no certificate; no key
                server.install(cert, key)
                said = server.reload()
                check("stays as it was" in said, "it is not told", said)
                check(server.served() == file_digest(second[0]), "the good certificate is gone")
            os.unlink(server.cert)
            check("stays as it was" in server.reload(), "a file that is gone")
            check(server.served() == file_digest(second[0]), "the good certificate is gone")
            server.install(*other)
            server.reload()
            check(server.served() == file_digest(other[0]), "the third certificate")
            old.sendall(ask)
            check(read_answer(stream)[0] == 200, "the connection from before is gone")
        check("ends at" not in "\n".join(server.lines), "a certificate of a month is warned of")
        server.install(*server.authority.sign(days="3"))
        check("ends at" in server.reload(), "a certificate that ends is not told of")
        with open(other[1]) as file:
            secret = file.read().split("-----")[2].strip().splitlines()[0]
        check(secret not in "\n".join(server.lines), "a private key is in the log")


def test_client_certificates():
    clients = tempfile.mkdtemp(prefix="vecmill-tls-")
    try:
        authority, stranger = Authority(clients, "clients"), Authority(clients, "stranger")
        with Secure("--tls-client-ca", authority.cert) as server:
            expect(server.get("/healthz"), 200)  # a probe has none
            expect(server.get("/v1/models"), 403, "client certificate")
            expect(server.put("/v1/corpora/c", b"a b\n"), 403)
            server.client = authority.sign("clientAuth")
            expect(server.get("/v1/models"), 200)
            wrong = (
                stranger.sign("clientAuth"),
                authority.sign("serverAuth"),
                authority.sign("clientAuth", days="-1"),
                server.authority.sign("clientAuth"),
            )
            for server.client in wrong:
                try:
                    answer = server.get("/healthz")
                except (OSError, http.client.HTTPException):
                    continue
                raise AssertionError("it is let in: %r" % answer)
            server.client = None
            expect(server.get("/healthz"), 200)
            done = subprocess.run(
                [VECMILL, "healthcheck", "--listen", "127.0.0.1:%d" % server.port],
                env={**os.environ, "VECMILL_TLS_CERT": server.cert},
            )
            check(done.returncode == 0, "healthcheck")
    finally:
        shutil.rmtree(clients)


def test_start():
    """What cannot be read, or is no pair, does not start, and says so."""
    folder = tempfile.mkdtemp(prefix="vecmill-tls-")
    try:
        authority = Authority(folder, "ca")
        (cert, key), (other, _) = authority.sign(), authority.sign()
        cases = (
            (("--tls-cert", cert), "tls_key"),
            (("--tls-key", key), "tls_cert"),
            (("--tls-client-ca", cert), "tls_cert"),
            (("--tls-cert", cert, "--tls-key", folder + "/none"), "tls_key"),
            (("--tls-cert", other, "--tls-key", key), "tls_cert"),
            (("--tls-cert", key, "--tls-key", key), "tls_cert"),
            (("--tls-cert", cert, "--tls-key", key, "--tls-client-ca", key), "tls_client_ca"),
            (("--tls-cert", cert, "--tls-key", key, "--tls-priorities", "NONSENSE"), "priorities"),
        )
        for options, part in cases:
            data = os.path.join(folder, "data")
            command = [VECMILL, "serve", "--listen", "127.0.0.1:0", "--data", data, *options]
            done = subprocess.run(command, capture_output=True, timeout=PATIENCE)
            said = done.stderr.decode()
            check(done.returncode != 0 and part in said, options, done.returncode, said)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(
        run_tests(
            [
                test_versions,
                test_ciphers,
                test_renegotiation,
                test_silent_handshakes,
                test_plain_http,
                test_framing,
                test_records,
                test_answers,
                test_reload,
                test_client_certificates,
                test_start,
            ]
        )
    )
