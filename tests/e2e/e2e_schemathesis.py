#!/usr/bin/env python3
"""Schemathesis on a running server: it makes requests of the OpenAPI document, those that the
schemas allow and those that they do not, alone and one after the other along the links, and holds
each answer against the document. There is a model and a corpus whose words the examples of the
schemas name. More requests with TEST_DEEP. scripts/test-venv installs it. VECMILL names the
program.
"""

import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tools
from service import PATIENCE, Service, check, run_tests, zipf_text

tools.require("schemathesis")
DEEP = bool(os.environ.get("TEST_DEEP"))
EXAMPLES = 60 if DEEP else 4  # requests of an operation that are made by chance
CHAINS = 300 if DEEP else 20
SEED = "13"
NAMES = "text8"  # as the example of schema Name
OPTIONS = ["--max-connections-per-address=1000", "--max-jobs-queued=100000", "--max-models=100000"]


class Target:
    """A server with what the examples of the document name: a corpus and a model of three numbers
    a word, a job, and words enough for the ids."""

    def __init__(self):
        self.service = Service(*OPTIONS)
        names = "king queen man woman cabbage the a of and".split()
        text = zipf_text(30000, words=1500) + (" ".join(names) + "\n") * 50
        check(self.service.put("/v1/corpora/" + NAMES, text).status == 201)
        self.job = self.service.submit(NAMES, NAMES, dim=3, min_count=1, epochs=1, threads=1)
        self.service.wait(self.job, "succeeded")
        self.url = "http://127.0.0.1:%d" % self.service.port

    def run(self, phases, mode, parameters, *options, examples=EXAMPLES):
        """Runs it to its end; parameters are values for holes of paths."""
        with tempfile.TemporaryDirectory(prefix="vecmill-schemathesis-") as folder:
            config = os.path.join(folder, "schemathesis.toml")
            with open(os.path.join(tools.ROOT, "tests/support/schemathesis.toml")) as source:
                text = source.read()
            values = "\n".join('"%s" = "%s"' % value for value in parameters.items())
            with open(config, "w") as file:
                file.write(text.replace("# [parameters]", "[parameters]\n" + values))
            done = subprocess.run(
                [
                    tools.program("schemathesis"),
                    "--config-file=" + config,
                    "run",
                    self.url + "/openapi.json",
                    "--phases=" + phases,
                    "--mode=" + mode,
                    "--max-examples=%d" % examples,
                    "--seed=" + SEED,
                    "--continue-on-failure",
                    "--generation-database=none",
                    "--request-timeout=%d" % PATIENCE,
                    "--suppress-health-check=all",
                    "--no-color",
                    *options,
                ],
                cwd=folder,
                env={
                    **os.environ,
                    "SCHEMATHESIS_HOOKS": os.path.join(
                        tools.ROOT, "tests/support/schemathesis_hooks.py"
                    ),
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
                text=True,
            )
        output = done.stdout
        begin = output.find("=== FAILURES ===")
        check(done.returncode == 0, phases, "fails:\n", output[max(begin, 0) :][:6000])
        made = re.search(r"(\d+) generated", output)
        check(made and int(made.group(1)) > 0, output[-2000:])
        print("%s, %s: %s requests" % (phases, mode, made.group(1)), flush=True)
        return output


TARGET = Target()
ASKING = {"model": NAMES, "corpus": NAMES, "job": TARGET.job, "file": "vectors.txt"}


def test_questions():
    """Everything that changes nothing, of a model that is there. A plan trains for a moment in a
    process of the lowest priority: on a busy machine each takes seconds, so that few are asked."""
    TARGET.run("examples,fuzzing", "all", {}, "--include-path=/v1/plan", examples=2)
    TARGET.run(
        "examples,coverage,fuzzing",
        "all",
        ASKING,
        "--exclude-path=/v1/plan",
        "--exclude-method=PUT",
        "--exclude-method=DELETE",
        "--exclude-path-regex=/(train|activate|cancel|pause|resume)$",
        "--exclude-operation-id=post_v1_corpora_corpus",
    )


def test_changes():
    """Everything that changes something."""
    for chosen in (
        "--include-method=PUT",
        "--include-method=DELETE",
        "--include-path-regex=/(train|activate|cancel|pause|resume)$",
    ):
        TARGET.run("examples,coverage,fuzzing", "all", {}, chosen)


def test_chains():
    """Along the links: what was stored is asked about, changed and deleted."""
    output = TARGET.run("stateful", "positive", {}, examples=CHAINS)
    covered = re.search(r"API Links: +(\d+) covered", output)
    check(covered and int(covered.group(1)) >= 5, output[:3000])


def test_service_is_well():
    check(TARGET.service.get("/healthz").status == 200, "health")
    log = "\n".join(TARGET.service.lines)
    check(not re.search("AddressSanitizer|runtime error", log), log[-3000:])


if __name__ == "__main__":
    with TARGET.service:
        failed = run_tests([test_questions, test_changes, test_chains, test_service_is_well])
    sys.exit(failed)
