#!/usr/bin/env python3
"""What a newcomer does: the notebook of clients/python, cell by cell, and docs/getting-started.md,
command by command, each against a server that it starts itself. VECMILL names the program.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import notebook
import tools
from service import PATIENCE, VECMILL, check, run_tests

tools.require("numpy", "pandas", "gensim", "tqdm", "setuptools")
PACKAGE = os.path.join(tools.ROOT, "clients", "python")
NOTEBOOK = os.path.join(PACKAGE, "notebook", "first-model.ipynb")
PAGE = os.path.join(tools.ROOT, "docs", "getting-started.md")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


def kind(output):
    """What an output is, whatever it says."""
    return output["output_type"], sorted(output.get("data", {}))


def test_notebook():
    with open(NOTEBOOK, encoding="utf-8") as file:
        text = json.load(file)
    check((text["nbformat"], text["nbformat_minor"]) == (4, 5), "format")
    ids = [cell["id"] for cell in text["cells"]]
    check(len(set(ids)) == len(ids), "ids of cells")
    cells = [cell for cell in text["cells"] if cell["cell_type"] == "code"]
    check(len(cells) >= 12, "cells", len(cells))
    for number, cell in enumerate(cells, 1):
        check(cell["execution_count"] == number, "run by --write, from its start", number)
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(os.path.abspath(VECMILL), os.path.join(folder, "vecmill"))
        before = dict(os.environ)
        os.environ["PATH"] = folder + os.pathsep + os.environ["PATH"]
        sys.path.insert(0, PACKAGE)
        sys.stderr.flush()
        try:
            found = notebook.run(
                text, lambda source: source.replace("127.0.0.1:8080", "127.0.0.1:" + port)
            )
        finally:
            os.environ.clear()
            os.environ.update(before)
            sys.path.remove(PACKAGE)
    for cell, outputs in zip(cells, found):
        kept = [kind(output) for output in cell["outputs"]]
        check(kept == [kind(output) for output in outputs], "".join(cell["source"]), outputs)
    said = json.dumps(found)
    for part in ("did you mean 'directory'", "vocabulary", "KeyedVectors"):
        check(part in said, "no", part, "in", said)


PIP = """#!/bin/bash
# pip as the page calls it, but without the network: what else it needs is here.
exec "%s" -m pip install --quiet --no-deps --no-index --no-build-isolation \\
    --disable-pip-version-check --target "$SITE" "${2%%\\[all\\]}"
"""
VENV = """#!/bin/bash
# python3 of the tests; a venv would not see what is installed beside it.
if [ "$1 $2" = "-m venv" ]; then
    mkdir -p "$3/bin" && touch "$3/bin/activate" && exit
fi
exec "%s" "$@"
"""


def test_getting_started():
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    steps = re.findall(r"^<!-- step -->\n```(sh|python)\n(.*?)^```$", page, re.M | re.S)
    check([language for language, _ in steps] == ["sh", "sh", "python", "python", "sh"], steps)
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        clone = os.path.join(folder, "clone")
        site, tool_folder = os.path.join(folder, "site"), os.path.join(folder, "bin")
        os.makedirs(os.path.join(clone, "build", "release"))
        os.symlink(os.path.abspath(VECMILL), os.path.join(clone, "build", "release", "vecmill"))
        ignored = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
        shutil.copytree(
            os.path.join(tools.ROOT, "clients"), os.path.join(clone, "clients"), ignore=ignored
        )
        shutil.copy(os.path.join(tools.ROOT, "README.md"), clone)
        os.mkdir(tool_folder)
        for name, text in (("pip", PIP), ("python3", VENV)):
            path = os.path.join(tool_folder, name)
            with open(path, "w") as file:
                file.write(text % sys.executable)
            os.chmod(path, 0o755)
        code = "\n".join(text for language, text in steps if language == "python")
        script = ["set -eu", "trap 'kill %1; wait' EXIT"]
        script += [text for _, text in steps[:2]]
        script += ["cat >manual.py <<'END'", code, "END", "python3 manual.py"]
        script += [steps[4][1], "echo", "echo done"]
        environment = {
            **os.environ,
            "PATH": tool_folder + os.pathsep + os.environ["PATH"],
            "PYTHONPATH": site,
            "SITE": site,
            "VECMILL_URL": "http://127.0.0.1:" + port,
        }
        text = "\n".join(script).replace("127.0.0.1:8080", "127.0.0.1:" + port)
        done = subprocess.run(
            ["bash", "-c", text],
            cwd=clone,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
            check=False,
        )
        out, said = done.stdout.decode(), done.stderr.decode()
        with open(os.path.join(clone, "server.log")) as file:
            log = file.read()
        check(done.returncode == 0 and out.endswith("done\n"), out, said[-3000:], log[-1000:])
        for part in ("<Model 'manual'", "(32,) True", '"neighbors":', '"state":"queued"'):
            check(part in out, "no", part, "in", out)
        check(os.path.getsize(os.path.join(clone, "vectors.txt")) > 1000, "vectors.txt")
        check(os.path.isdir(os.path.join(site, "vecmill")), "pip installed nothing")


if __name__ == "__main__":
    sys.exit(run_tests([test_notebook, test_getting_started]))
