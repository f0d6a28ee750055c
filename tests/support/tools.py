"""What scripts/test-venv installs for the tests: packages of Python in build/venv, of Node in
build/npm. A test that needs some of it and does not find it fails: only a run that was told to do
without a network (./test --offline, or TEST_OFFLINE=1) leaves it out, and says so."""

import os
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
NPM = os.path.join(ROOT, "build", "npm")
SCRIPTS = os.path.join(ROOT, "tests", "support", "npm")


def missing(what):
    """Ends the test: what it needs is not here."""
    name = os.path.basename(sys.argv[0])
    if os.environ.get("TEST_OFFLINE"):
        print("SKIPPED %s: TEST_OFFLINE is set and %s is not installed" % (name, what), flush=True)
        sys.exit(77)
    sys.exit("%s: %s is not installed: scripts/test-venv installs it" % (name, what))


def require(*modules):
    """Imports them and gives them back, one or a list."""
    found = []
    for name in modules:
        try:
            __import__(name)
        except ModuleNotFoundError as error:
            missing("%s (%s)" % (name, error))
        found.append(sys.modules[name])
    return found[0] if len(found) == 1 else found


def program(name):
    """A program of build/venv, such as schemathesis."""
    path = os.path.join(os.path.dirname(sys.executable), name)
    if not os.path.exists(path):
        missing(name)
    return path


def node_package(name):
    path = os.path.join(NPM, "node_modules", name)
    if not os.path.isdir(path):
        missing("npm's " + name)
    return path


def run_node(arguments, **options):
    """Runs Node in build/npm, where its packages are; arguments[0] is a script."""
    return subprocess.run(
        [program("node")] + arguments, cwd=NPM, stdin=subprocess.DEVNULL, check=False, **options
    )
