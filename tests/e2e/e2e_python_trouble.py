#!/usr/bin/env python3
"""The Python client where things go wrong: keys, TLS, answers that say try again, connections and
uploads that are cut, a server that is killed and starts again; and what is shipped: its README,
types, docstrings and installation. VECMILL names the program.
"""

import http.server
import inspect
import json
import os
import pickle
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from e2e_python_client import PACKAGE, SENTENCES, SMALL, near, np, raises, vecmill
from cutting_proxy import CuttingProxy
from e2e_tls import Secure
from keyed import Keyed
from service import PATIENCE, VECMILL, Service, check, run_tests, wait_until, zipf_text

upload = sys.modules["vecmill.upload"]


def url(port):
    return "http://127.0.0.1:%d" % port


# ---- keys and TLS ------------------------------------------------------------------------------


def test_keys():
    with Keyed() as service:
        nobody = vecmill.Client(url(service.port))
        error = raises(vecmill.AuthenticationError, "key", nobody.models)
        check(error.status == 401 and error.type == "invalid_api_key", error.type)
        raises(vecmill.AuthenticationError, "key", vecmill.Client(url(service.port), "vm_x").jobs)
        reader = vecmill.Client(url(service.port), service.keys["read"] + "\n")
        error = raises(vecmill.PermissionDenied, "train", reader.train, SENTENCES, model="en")
        check(error.status == 403, error.status)
        trainer = vecmill.Client(url(service.port), service.keys["train"])
        text = SENTENCES * 2000
        model = trainer.train((line for line in text), model="en", **SMALL)
        check("king" in reader.model("en"), "a reader reads")
        raises(vecmill.PermissionDenied, "admin", model.delete)
        for thing in (reader, repr(reader), model, vars(model), error, trainer.jobs()):
            for key in service.keys.values():
                check(key not in repr(thing), "a key is shown in", type(thing))
        copy = pickle.loads(pickle.dumps(model))
        near(copy["king"], model["king"], "pickled")
        os.environ["VECMILL_API_KEY"] = service.keys["read"]
        os.environ["VECMILL_URL"] = url(service.port)
        try:
            check(vecmill.Client()["en"].dim == 8, "from the environment")
        finally:
            del os.environ["VECMILL_API_KEY"], os.environ["VECMILL_URL"]
    # A server without keys does not take the client's for its own, nor start in spite of it.
    environment = {**os.environ, "VECMILL_API_KEY": "vm_x", "VECMILL_URL": "http://127.0.0.1:1"}
    with tempfile.TemporaryDirectory() as folder:
        command = [VECMILL, "serve", "--listen", "127.0.0.1:0", "--data", folder]
        done = subprocess.run(
            command, env=environment, stderr=subprocess.PIPE, timeout=PATIENCE, check=False
        )
    check(done.returncode != 0 and b"VECMILL_API_KEYS" in done.stderr, done.stderr)
    done = subprocess.run([VECMILL, "key", "create"], env=environment, stdout=subprocess.PIPE)
    check(done.returncode == 0 and done.stdout.startswith(b"vm_"), "other commands", done)
    raises(ValueError, "characters", vecmill.Client, key="a b")
    raises(ValueError, "characters", vecmill.Client, key="a\r\nX-Evil: 1")
    for bad in ("ftp://host", "http://", "http://user:secret@host", "http://host?key=x", "http:/x"):
        error = raises(ValueError, "url", vecmill.Client, bad)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        vecmill.Client("http://vectors.example.org", "vm_secret")
        vecmill.Client("https://vectors.example.org", "vm_secret")
    check(len(told) == 1 and "https" in str(told[0].message), [str(t.message) for t in told])
    check("vm_secret" not in str(told[0].message), "a key in a warning")


def test_tls():
    with Secure() as service:
        where = "https://localhost:%d" % service.port
        client = vecmill.Client(where, ca_file=service.authority.cert)
        model = client.train(SENTENCES * 50, model="en", **SMALL)
        check(model["king"].shape == (8,), "over TLS")
        check(vecmill.Client(where, verify=False).ready()["status"] == "ready", "verify=False")
        raises(vecmill.ConnectionFailed, "not trusted", vecmill.Client(where).models)
        raises(vecmill.ConnectionFailed, "ca_file", vecmill.Client(where).models)
        plain = vecmill.Client(url(service.port), retries=0)
        raises(vecmill.VecmillError, "https://", plain.models)
    with Service() as service:
        client = vecmill.Client("https://127.0.0.1:%d" % service.port, verify=False)
        raises(vecmill.ConnectionFailed, "http://", client.models)


def test_client_certificate():
    with tempfile.TemporaryDirectory() as folder:
        from e2e_tls import Authority

        people = Authority(folder, "people")
        with Secure("--tls-client-ca", people.cert) as service:
            where, trust = "https://localhost:%d" % service.port, service.authority.cert
            known = vecmill.Client(where, ca_file=trust, client_cert=people.sign("clientAuth"))
            check(known.models() == [], "with a certificate")
            stranger = vecmill.Client(where, ca_file=trust, retries=0)
            raises(vecmill.VecmillError, "", stranger.models)


# ---- answers that say try again ----------------------------------------------------------------


class Scripted:
    """Answers the requests one after the other: (status, header fields, body), or None, which ends
    the connection without an answer; the last one stands for all that follow."""

    def __init__(self, *answers):
        self.seen = []
        script = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                answer = answers[min(len(script.seen), len(answers) - 1)]
                script.seen.append((self.command, self.path, dict(self.headers), body))
                if answer is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                status, headers, text = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(text)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = url(self.server.server_address[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def problem(status, **headers):
    text = {"type": "/problems/busy", "title": "Busy", "status": status, "detail": "later, please"}
    return status, headers, json.dumps(text).encode()


LIST = (200, {}, b'{"data": []}')


def test_try_again():
    busy = problem(429, **{"Retry-After": "0"})
    with Scripted(busy, problem(503, **{"Retry-After": "0"}), None, LIST) as server:
        check(vecmill.Client(server.url).models() == [] and len(server.seen) == 4, server.seen)
    with Scripted(None, None, LIST) as server:
        check(vecmill.Client(server.url).models() == [] and len(server.seen) == 3, server.seen)
    with Scripted(None) as server:
        raises(vecmill.ConnectionFailed, "", vecmill.Client(server.url, retries=1).models)
        check(len(server.seen) == 2, server.seen)
    with Scripted(busy) as server:
        error = raises(vecmill.Busy, "later, please", vecmill.Client(server.url, retries=2).jobs)
        check(len(server.seen) == 3 and error.retry_after == 0, server.seen)
        check((error.status, error.type, error.title) == (429, "busy", "Busy"), vars(error))
        client = vecmill.Client(server.url, retries=2)
        raises(vecmill.Busy, "later", client.submit, corpus="a", model="b")
        keys = {headers["Idempotency-Key"] for _, _, headers, _ in server.seen[3:]}
        check(len(server.seen) == 6 and len(keys) == 1, "the same key each time", keys)
    with Scripted(problem(429, **{"Retry-After": "3600"})) as server:
        error = raises(vecmill.Busy, "later", vecmill.Client(server.url).jobs)
        check(len(server.seen) == 1 and error.retry_after == 3600, "too long to wait for")
    with Scripted(problem(422)) as server:
        raises(vecmill.Refused, "later", vecmill.Client(server.url).jobs)
        check(len(server.seen) == 1, "what is refused is not sent again")
    with Scripted((200, {}, b"<html>hello</html>")) as server:
        raises(vecmill.VecmillError, "is this vecmill?", vecmill.Client(server.url).jobs)
    with Scripted((404, {}, b"<html>nginx</html>")) as server:
        raises(vecmill.NotFound, "is this vecmill?", vecmill.Client(server.url).jobs)
    with Scripted((200, {"Content-Length": "100"}, b"{")) as server:
        raises(vecmill.ConnectionFailed, "", vecmill.Client(server.url, timeout=0.2).jobs)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = vecmill.Client(url(silent.getsockname()[1]), timeout=0.2)
        raises(TimeoutError, "0.2 seconds", client.jobs)
    with Scripted(LIST) as server:
        client = vecmill.Client(server.url + "/behind/")
        client.models()
        check(server.seen[0][1] == "/behind/v1/models", "a path before ours", server.seen)


def test_stop_and_start():
    """Connections that were idle when the server went; a training that is waited for meanwhile."""
    service = Service("--heartbeat-interval", "0.1")
    try:
        port = service.port
        client = vecmill.Client(url(port))
        model = client.train(SENTENCES * 50, model="en", **SMALL)
        text = zipf_text(300000).splitlines()
        options = {**SMALL, "epochs": 60, "checkpoint_interval": 1}
        job = client.submit(text, "long", **options)
        seen, found = [], []
        waiting = threading.Thread(target=lambda: found.append(job.wait(progress=seen.append)))
        waiting.start()
        service.wait_training(job.id)
        service.kill()
        error = raises(vecmill.ConnectionFailed, "nobody listens at", client.models)
        check(isinstance(error, ConnectionError) and "vecmill serve" in str(error), error)
        service.options += ["--listen", "127.0.0.1:%d" % port]
        service.start()
        check(model["king"].shape == (8,), "the idle connection is not used")
        service.wait(job.id, "succeeded")  # as long as it gets on
        waiting.join(PATIENCE)
        check(found and found[0].name == "long", "it came back")
        ids = [event.id for event in seen]
        check(ids == sorted(set(ids)) and seen[-1].data["state"] == "succeeded", ids[-5:])
        kept = [event.id for event in job.events()]
        check(set(kept) <= set(ids), "an event was lost", set(kept) - set(ids))
        threads = [
            threading.Thread(target=lambda: [model[:9] for _ in range(20)]) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        check(len(client.transport.idle) <= 4, "idle connections", len(client.transport.idle))
        client.close()
        check((model["king"] == model.get_vector("king")).all(), "behind close")
    finally:
        service.close()


def test_cut_events():
    with Service() as service:
        client = vecmill.Client(url(service.port))
        text = zipf_text(400000, words=400).splitlines()
        job = client.submit(text, "zipf", **{**SMALL, "epochs": 6}, progress_interval=0.01)
        job.wait(progress=False)
        wanted = list(job.events())
        size = len(service.get("/v1/jobs/%s/events" % job.id).body)
        with CuttingProxy(service.port, [size // 3, size // 3 + 7, size // 4, 3]) as proxy:
            far = vecmill.Client(url(proxy.port), retries=0)
            same = vecmill.Job(far, job.record)
            check(list(same.events()) == wanted, "events")
            check(proxy.connections == 5, proxy.connections)
            for head in proxy.requests[1:]:
                check("last-event-id: " in head.lower(), head)
        with CuttingProxy(service.port, [0] * 10000) as proxy:
            far = vecmill.Client(url(proxy.port), patience=0.3)
            raises(vecmill.ConnectionFailed, "", list, vecmill.Job(far, job.record).events())


def test_cut_uploads():
    text = zipf_text(3000000)
    before, upload.PARTS_FROM = upload.PARTS_FROM, 1 << 20
    try:
        with Service() as service, tempfile.NamedTemporaryFile(suffix=".txt") as file:
            file.write(text.encode())
            file.flush()
            cuts = [None, 1000000, 700000, 300000]
            with CuttingProxy(service.port, request_cuts=cuts) as proxy:
                far = vecmill.Client(url(proxy.port), timeout=PATIENCE)
                corpus = far.upload(file.name, "cut", progress=False)
                check(proxy.connections >= 5, proxy.connections)
            check(corpus.text() == text, "the text is another one")
            with CuttingProxy(service.port, [None, 60]) as proxy:  # the last answer
                far = vecmill.Client(url(proxy.port), timeout=PATIENCE)
                model = far.train(file.name, model="cut", **SMALL)
            check(len(service.get("/v1/jobs").json["data"]) == 1 and len(model) > 0, "jobs")
            near = vecmill.Client(url(service.port))
            raises(vecmill.Refused, "did you mean", near.train, file.name, "x", vector_size=3)
            file.seek(0)
            file.write(b"%PDF-1.7\n")
            file.flush()
            raises(vecmill.Unsupported, "PDF", near.upload, file.name, "bad", progress=False)
            left = service.get("/v1/uploads").json["data"]
            check(left == [], "uploads are left", left)
            check([c.name for c in near.corpora()] == ["cut"], near.corpora())
    finally:
        upload.PARTS_FROM = before


# ---- what is shipped ---------------------------------------------------------------------------

PLAIN = """
import sys
sys.modules["tqdm"] = None
import vecmill
client = vecmill.Client(sys.argv[1])
client.train(["a b c d e f"] * 4000, model="plain", dim=4, min_count=1, threads=1, epochs=3)
"""


def run(code, *arguments, **more):
    environment = {**os.environ, "PYTHONPATH": PACKAGE, **more}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        check=False,
    )
    check(done.returncode == 0, code, done.stderr.decode()[-3000:])
    return done.stdout.decode(), done.stderr.decode()


def test_without_tqdm():
    with Service() as service:
        _, said = run(PLAIN, url(service.port))
        check("plain: trained, version" in said and "\r" not in said, said)
        _, said = run(PLAIN.replace('sys.modules["tqdm"] = None\n', ""), url(service.port))
        check("100%" in said and "loss=" in said, said)
    code = "import sys, vecmill; print(sorted({'tqdm', 'gensim', 'pandas'} & set(sys.modules)))"
    check(run(code)[0].strip() == "[]", "imports what it does not need")


def test_readme():
    with open(os.path.join(PACKAGE, "README.md"), encoding="utf-8") as file:
        text = file.read()
    examples = re.findall(r"^<!-- example -->\n```python\n(.*?)^```$", text, re.M | re.S)
    check(len(examples) >= 6, "examples", len(examples))
    with Service() as service, tempfile.TemporaryDirectory() as folder:
        code = "import os, sys\nos.chdir(sys.argv[1])\n" + "\n".join(examples)
        out, _ = run(code, folder, VECMILL_URL=url(service.port))
        for part in ("did you mean 'dim'", "vocabulary", "did you mean 'king'"):
            check(part in out, part, out)
        check(os.listdir(folder) == ["vectors.bin"], os.listdir(folder))
    for name in re.findall(r"`(\w+)`", text):
        if name.startswith("similar_by") or name.endswith("_vector"):
            check(hasattr(vecmill.Model, name) or name in ("_vector",), "no such method:", name)


def test_docstrings():
    bare = []
    for name in vecmill.__all__:
        thing = getattr(vecmill, name)
        if not inspect.isclass(thing):
            continue
        check(thing.__doc__, "a class without a word:", name)
        for member, what in inspect.getmembers(thing):
            own = any(
                member in vars(base) for base in thing.__mro__ if "vecmill" in base.__module__
            )
            called = inspect.isfunction(what) or isinstance(what, property)
            if own and called and member[0] != "_" and not inspect.getdoc(what):
                bare.append("%s.%s" % (name, member))
    check(not bare, "without a docstring:", bare)


def test_types():
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "--cache-dir", cache, "vecmill"],
            cwd=PACKAGE,
            stdout=subprocess.PIPE,
            timeout=PATIENCE,
            check=False,
        )
    check(done.returncode == 0, done.stdout.decode())


def test_install():
    """pip installs the folder, and the package works from where it was installed."""
    with tempfile.TemporaryDirectory() as folder, Service() as service:
        source, target = os.path.join(folder, "source"), os.path.join(folder, "target")
        shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("__pycache__"))
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
        pip += ["--no-build-isolation", "--disable-pip-version-check", "--target", target, source]
        done = subprocess.run(pip, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
        check(done.returncode == 0, done.stderr.decode()[-2000:])
        check(os.path.exists(os.path.join(target, "vecmill", "py.typed")), "py.typed")
        info = [name for name in os.listdir(target) if name.endswith(".dist-info")]
        check(info == ["vecmill-%s.dist-info" % vecmill.__version__], info)
        code = (
            "import os, sys, vecmill\n"
            "assert vecmill.__file__.startswith(os.environ['PYTHONPATH']), vecmill.__file__\n"
            "print(vecmill.Client(sys.argv[1]).ready()['status'])"
        )
        check(run(code, url(service.port), PYTHONPATH=target)[0] == "ready\n", "installed")


if __name__ == "__main__":
    sys.exit(
        run_tests(
            [
                test_keys,
                test_tls,
                test_client_certificate,
                test_try_again,
                test_stop_and_start,
                test_cut_events,
                test_cut_uploads,
                test_without_tqdm,
                test_readme,
                test_docstrings,
                test_types,
                test_install,
            ]
        )
    )
