"""A server with keys, and keys made for it."""

import os
import re
import shutil
import signal
import subprocess
import tempfile

from service import VECMILL, Service, check, wait_until

SCOPES = ("read", "train", "admin")
SECRETS = set()  # of every key made here: none may turn up anywhere


def make_key(file=None, **options):
    """The key, and its row."""
    command = [VECMILL, "key", "create"]
    for name, value in options.items():
        command += ["--" + name.replace("_", "-"), str(value)]
    if file:
        command += ["--append", file]
    made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
    key, row = made.stdout.decode().splitlines()
    check(re.fullmatch(r"vm_[0-9a-f]{12}_[0-9a-f]{64}", key), "what key is", key)
    check(key not in made.stderr.decode() and key not in row, "the key is told once")
    SECRETS.add(key.split("_")[2])
    return key, row


def bearer(key):
    return {"Authorization": "Bearer " + key} if key else {}


class Keyed(Service):
    """A server with keys: .keys["read"], ... and self.key, which calls use by default."""

    def __init__(self, *options, extra=(), **more):
        self.folder = tempfile.mkdtemp(prefix="vecmill-keys-")
        self.file = os.path.join(self.folder, "keys")
        self.keys = {scope: make_key(self.file, scope=scope, name=scope)[0] for scope in SCOPES}
        for name, wanted in extra:
            self.keys[name] = make_key(self.file, **wanted)[0]
        self.key = self.keys["admin"]
        super().__init__("--api-keys-file", self.file, *options, **more)

    def close(self):
        super().close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, method, path, body=None, headers=None, key=True):
        headers = {**bearer(self.key if key is True else key), **(headers or {})}
        return super().call(method, path, body, headers)

    def reload(self):
        seen = len(self.lines)
        self.process.send_signal(signal.SIGHUP)
        wait_until(
            lambda: [line for line in self.lines[seen:] if "keys" in line],
            lambda: "no reload: " + self.log(),
        )
        return "\n".join(self.lines[seen:])

    def check_silent(self):
        """Neither the log nor the data folder holds a key."""
        log = "\n".join(self.lines)
        for secret in SECRETS:
            check(secret not in log, "a key is in the log")
        for folder, _, files in os.walk(self.data):
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    content = file.read()
                for secret in SECRETS:
                    check(secret.encode() not in content, "a key is in", folder, name)
