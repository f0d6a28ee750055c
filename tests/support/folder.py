"""A folder of one's own, to run the program in."""

import os
import subprocess
import tempfile

from service import VECMILL


class Folder(tempfile.TemporaryDirectory):
    """With files of the given names and contents; a scratch folder of its own for the program."""

    def __enter__(self):
        super().__enter__()
        os.mkdir(self / "scratch")
        return self

    def __truediv__(self, name):
        return os.path.join(self.name, name)

    def put(self, name, content):
        with open(self / name, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return self / name

    def read(self, name):
        with open(self / name, "rb") as file:
            return file.read()

    def run(self, *arguments, **variables):
        return subprocess.run(
            [VECMILL, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.name,
            env={**os.environ, "TMPDIR": self / "scratch", **variables},
        )
