"""Where keys come from, and what starts without: files, environment, credentials, reload, the first
key, what refuses to start, core dumps, and the commands that make keys."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from keyed import SECRETS, Keyed, bearer, make_key
from service import PATIENCE, VECMILL, Service, check, expect, run_tests, zipf_text


def start_fails(*options, **variables):
    with tempfile.TemporaryDirectory() as folder:
        command = [VECMILL, "serve", "--data", os.path.join(folder, "data"), *options]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **variables},
            timeout=PATIENCE,
        )
        said = done.stderr.decode()
        check(done.returncode != 0, "it starts", options, said)
        for secret in SECRETS:
            check(secret not in said, "a key is told")
        return said


def test_reload():
    with Keyed() as service:
        key, row = make_key(scope="read")
        old = service.keys["read"]
        expect(service.get("/v1/models", key=key), 401)
        with open(service.file) as file:
            before = file.read()
        kept = "".join(l + "\n" for l in before.splitlines() if l.split()[0] not in old)
        with open(service.file, "w") as file:
            file.write(kept + row + "\n")
        expect(service.get("/v1/models", key=old), 200)
        service.reload()
        expect(service.get("/v1/models", key=key), 200)
        expect(service.get("/v1/models", key=old), 401)
        # A broken file, an empty one and none: the keys stay.
        for broken in ("nonsense\n", "", key + "\n", None):
            if broken is None:
                os.unlink(service.file)
            else:
                with open(service.file, "w") as file:
                    file.write(broken)
            said = service.reload()
            check("stay as they were" in said, "a broken file is not told of", said)
            expect(service.get("/v1/models", key=key), 200)
            expect(service.get("/v1/models", key=None), 401)
        service.check_silent()


def test_beyond_loopback():
    """Without keys nobody listens for others by accident."""
    for listen in (":0", "0.0.0.0:0", "[::]:0"):
        said = start_fails("--listen", listen)
        for part in ("api_keys", "vecmill key create", "127.0.0.1", "insecure = true"):
            check(part in said, "no %r in" % part, said)
    with Service("--listen", ":0", "--insecure", "true", start=False) as service:
        service.start()
        check("insecure" in service.log(), "it is not told", service.log())
        expect(service.get("/v1/models"), 200)
    for listen in ("localhost:0", "127.0.0.2:0"):
        with Service("--listen", listen, start=False) as service:
            service.start()
    with Keyed("--listen", ":0", start=False) as service:
        service.start()
        expect(service.get("/v1/models"), 200)
        expect(service.get("/v1/models", key=None), 401)
        check("unencrypted" in service.log(), "plain HTTP is not told of")


def test_sources():
    """Environment, the file of a variable, a systemd credential."""
    key, row = make_key(scope="read")
    other, other_row = make_key(scope="read")
    with tempfile.TemporaryDirectory() as folder, Service(start=False) as service:
        file = os.path.join(folder, "api_keys")
        with open(file, "w") as out:
            out.write("# a comment\n\n" + row + "\n")
        ways = (
            {"VECMILL_API_KEYS": row + ";" + other_row},
            {"VECMILL_API_KEYS_FILE": file},
            {"CREDENTIALS_DIRECTORY": folder},
        )
        for variables in ways:
            service.start(**variables)
            expect(service.get("/v1/models", headers=bearer(key)), 200)
            expect(service.get("/v1/models"), 401)
            shown = expect(service.get("/v1/settings", headers=bearer(key)), 200).body.decode()
            check(row.split()[1] not in shown, "a hash is shown")
            service.stop()
        both = other_row.replace(other_row.split()[0], row.split()[0])
        for wrong in (key, row + ";" + both, row + ";" + row, "x sha256:00 scope=read", "x"):
            said = start_fails(VECMILL_API_KEYS=wrong)
            check("api_keys" in said, "what is wrong is not told", said)
        check("row" in start_fails(VECMILL_API_KEYS=key), "a key in place of its row")
        start_fails(VECMILL_API_KEYS_FILE=os.path.join(folder, "none"))
        open(file, "w").close()
        start_fails(VECMILL_API_KEYS_FILE=file)


def test_first_key():
    with tempfile.TemporaryDirectory() as folder:
        data, told = os.path.join(folder, "data"), os.path.join(folder, "told")
        key = None
        for round in range(3):
            with open(told, "w") as out:
                process = subprocess.Popen(
                    [VECMILL, "serve", "--listen", ":0", "--data", data, "--first-key", "true"],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.PIPE,
                )
            lines = []
            for raw in process.stderr:
                lines.append(raw.decode())
                found = re.search(r"listening on http://.*:(\d+)", lines[-1])
                if found:
                    break
            check(found, "it does not start", lines)
            service = Service(start=False)
            service.port = int(found.group(1))
            with open(told) as file:
                keys = re.findall(r"vm_[0-9a-f]{12}_[0-9a-f]{64}", file.read())
            check(len(keys) == (1 if round == 0 else 0), "told", keys)
            key = keys[0] if keys else key
            SECRETS.add(key.split("_")[2])
            expect(service.get("/v1/corpora", headers=bearer(key)), 200)
            expect(service.delete("/v1/models/x", headers=bearer(key)), 404)
            expect(service.get("/v1/corpora"), 401)
            process.send_signal(signal.SIGKILL if round == 0 else signal.SIGTERM)
            lines.append(process.stderr.read().decode())
            process.wait(PATIENCE)
            service.close()
            check(key.split("_")[2] not in "".join(lines), "the key is in the log")
            with open(os.path.join(data, "keys")) as file:
                check(key.split("_")[2] not in file.read(), "the key itself is kept")


def test_no_core():
    """With keys the kernel writes no core file of the server: its memory belongs to root alone.
    Jobs train all the same. Asked as a user who is not root, of whom that shows."""
    user = os.getuid() or 65534
    with Keyed(start=False) as service:
        for folder in (service.folder, service.data):
            os.chmod(folder, 0o777)
        os.chmod(service.file, 0o644)
        program = os.path.join(service.folder, "vecmill")
        shutil.copy(VECMILL, program)
        os.chmod(program, 0o755)
        for options, owner in (["--api-keys-file", service.file], 0), ([], user):
            data = os.path.join(service.data, "%d" % owner)
            command = [program, "serve", "--listen", "127.0.0.1:0", "--data", data, *options]
            service.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                user=user,
            )
            service.lines, service.port, ready = [], None, threading.Event()
            service.reader = threading.Thread(target=service._read, args=(service.process, ready))
            service.reader.start()
            check(ready.wait(PATIENCE) and service.port, "it does not start", service.log())
            whose = os.stat("/proc/%d/environ" % service.process.pid).st_uid
            check(whose == owner, "the memory belongs to", whose, "not", owner)
            expect(service.put("/v1/corpora/c", zipf_text(20000)), 201)
            job = service.submit("c", "m", dim=8, epochs=1, min_count=1)
            service.wait(job, "succeeded")
            service.stop()


def test_commands():
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "keys")
        key, row = make_key(file, scope="train", name="ci", corpora="a-,b-", max_bytes="10G")
        os.chmod(file, 0o640)
        make_key(file)
        check(os.stat(file).st_mode & 0o777 == 0o640, "the mode of the file is another one")

        # Through a link, and many at the same time: no row is lost.
        link, append = os.path.join(folder, "link"), [VECMILL, "key", "create", "--append"]
        others = file + ".others"
        shutil.copy(file, others)
        os.symlink(others, link)
        making = [subprocess.Popen([*append, link], stdout=subprocess.PIPE) for _ in range(8)]
        for one in making:
            one.communicate()
        check(os.path.islink(link), "the link became a file")
        with open(others) as rows:
            check(len(rows.read().splitlines()) == 2 + len(making), "rows were lost")

        def run(*arguments, text=""):
            done = subprocess.run(
                [VECMILL, "key", *arguments], input=text.encode(), capture_output=True
            )
            return done.returncode, done.stdout.decode(), done.stderr.decode()

        code, out, _ = run("list", file)
        check(code == 0 and len(out.splitlines()) == 2 and "sha256" not in out, out)
        check("scope=train name=ci corpora=a-,b- max_bytes=10737418240" in out, out)
        code, out, _ = run("check", file, text=key + "\n")
        check(code == 0 and out.startswith(row.split()[0]), out)
        check(run("check", file, text=key[:-1] + "\n")[0] == 1, "a wrong key is found")
        for wrong in (["create", "--scope", "all"], ["create", "--name", "a b"], ["destroy"], []):
            code, out, said = run(*wrong)
            check(code == 2 and out == "" and said, wrong, code, out, said)
        for wrong in (["--max-jobs", "-1"], ["--max-bytes", "x"], ["--corpora", "a b"]):
            check(run("create", *wrong)[0] == 2, wrong)


if __name__ == "__main__":
    sys.exit(
        run_tests(
            [
                test_reload,
                test_beyond_loopback,
                test_sources,
                test_first_key,
                test_no_core,
                test_commands,
            ]
        )
    )
