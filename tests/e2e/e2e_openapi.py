#!/usr/bin/env python3
"""The OpenAPI document as tools take it: Redocly's linter, each example against its schema, and a
client that openapi-python-client makes of it, which goes the whole way: upload, job, card,
neighbours, vectors, deletion. scripts/test-venv installs them. VECMILL names the program.
"""

import importlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tools
from service import PATIENCE, Service, check, run_tests

jsonschema_rs = tools.require("jsonschema_rs")
tools.require("openapi_python_client")
tools.node_package("@redocly/cli")

SERVICE = Service()
DOCUMENT = SERVICE.get("/openapi.json").json
FOLDER = tempfile.TemporaryDirectory(prefix="vecmill-openapi-")
FILE = os.path.join(FOLDER.name, "openapi.json")
with open(FILE, "w", encoding="utf-8") as out:
    json.dump(DOCUMENT, out)


def run(arguments, **options):
    done = subprocess.run(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE,
        check=False,
        text=True,
        **options
    )
    check(done.returncode == 0, " ".join(arguments), "fails:\n", done.stdout[-4000:])
    return done.stdout


def test_redocly():
    """No error and no warning under the recommended rules."""
    script = os.path.join(tools.node_package("@redocly/cli"), "bin", "cli.js")
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    output = run(
        [tools.program("node"), script, "lint", "--extends=recommended", "--format=json", FILE],
        cwd=FOLDER.name,
        env={**os.environ, **quiet},
    )
    report = json.loads(output[output.index("{") : output.rindex("}") + 1])
    check(report["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}, report)


def resolved(schema):
    """The schema with the document's components beside it, where its references lead."""
    return {**schema, "components": DOCUMENT["components"]}


def validate(value, schema, where):
    validator = jsonschema_rs.Draft202012Validator(resolved(schema), validate_formats=True)
    faults = [fault.message for fault in validator.iter_errors(value)]
    check(not faults, where, faults[:3], value)


def test_examples_are_valid():
    """Of each schema, parameter, header field and body."""
    count = 0
    for name, schema in DOCUMENT["components"]["schemas"].items():
        check(jsonschema_rs.meta.is_valid(schema), name)
        for example in schema["examples"]:
            validate(example, {"$ref": "#/components/schemas/" + name}, name)
            count += 1
    for name, header in DOCUMENT["components"]["headers"].items():
        for example in header["schema"]["examples"]:
            validate(example, header["schema"], name)
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            where = "%s %s" % (method, path)
            for parameter in operation["parameters"]:
                if "example" in parameter:
                    validate(parameter["example"], parameter["schema"], where)
                    count += 1
                name = parameter["schema"].get("$ref", "").rpartition("/")[2]
                flag = DOCUMENT["components"]["schemas"].get(name, {}).get("type") == "boolean"
                flag = flag and parameter["in"] == "query"
                check(parameter.get("allowEmptyValue", False) == flag, where, parameter)
            for kind, media in operation.get("requestBody", {"content": {}})["content"].items():
                check("example" in media, where, kind, "has no example")
                validate(media["example"], media["schema"], where)
    check(count > 100, count)


def test_a_false_example_is_seen():
    try:
        validate(
            {"corpus": "a", "model": "b", "sittings": {}},
            {"$ref": "#/components/schemas/JobRequest"},
            "x",
        )
    except AssertionError as error:
        check("sittings" in str(error), error)
    else:
        raise AssertionError("an example that does not validate passes")


def generated_client():
    """The package that openapi-python-client makes; it must have made every operation. It takes
    bodies of bytes, JSON and forms only: of two types of which one is bytes, it makes that one."""
    target = os.path.join(FOLDER.name, "client")
    output = run(
        [
            tools.program("openapi-python-client"),
            "generate",
            "--path=" + FILE,
            "--meta=none",
            "--output-path=" + os.path.join(target, "generated"),
        ],
        cwd=FOLDER.name,
        env={**os.environ, "PATH": os.path.dirname(sys.executable) + ":" + os.environ["PATH"]},
    )
    types = "text/plain|application/(x-ndjson|x-tar|partial-upload)"
    known = re.compile(r"Unsupported content.type \(?(%s)" % types)
    warnings = re.findall(r"^WARNING.*?(?=^WARNING|\Z)", output, re.M | re.S)
    unknown = [warning for warning in warnings if not known.search(warning)]
    check(not unknown, "warnings:\n", "\n".join(unknown))
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            made = os.path.join(
                target, "generated", "api", operation["tags"][0], operation["operationId"] + ".py"
            )
            check(os.path.exists(made), method, path, "is not in the client")
    sys.path.insert(0, target)
    return importlib.import_module("generated")


def test_generated_client():
    package = generated_client()
    api = lambda tag, name: importlib.import_module("generated.api.%s.%s" % (tag, name))
    models = importlib.import_module("generated.models")
    types = importlib.import_module("generated.types")
    client = package.Client(base_url="http://127.0.0.1:%d" % SERVICE.port, timeout=PATIENCE)
    text = "\n".join(["the king and the queen live in the castle"] * 300)
    stored = api("corpora", "put_v1_corpora_corpus").sync(
        "text", client=client, body=types.File(payload=io.BytesIO(text.encode()))
    )
    check(stored.name == "text" and stored.bytes_ == len(text), stored)
    settings = models.JobSettings(dim=8, min_count=1, epochs=2)
    job = api("jobs", "post_v1_jobs").sync(
        client=client, body=models.JobRequest(corpus="text", model="en", settings=settings)
    )
    check(job.state in ("queued", "running") and job.settings.dim == 8, job)
    end = time.monotonic() + PATIENCE
    while job.state not in ("succeeded", "failed", "cancelled"):
        check(time.monotonic() < end, job)
        time.sleep(0.05)
        job = api("jobs", "get_v1_jobs_job").sync(job.id, client=client)
    check(job.state == "succeeded" and job.progress == 1, job)
    history = api("jobs", "get_v1_jobs_job_history").sync(job.id, client=client)
    check(history.job == job.id and len(history.data) > 0, history)
    card = api("models", "get_v1_models_model").sync("en", client=client)
    check(card.dim == 8 and card.words == 7 and card.settings.dim == 8, card)
    found = api("models", "get_v1_models_model_neighbors").sync(
        "en", client=client, word="king", k=3
    )
    check(len(found.neighbors) == 3 and found.query.word == "king", found)
    signs = models.QueryOfWords(positive=["king", "queen"], negative=["the"])
    queries = [models.QueryOfWord(word="king"), signs]
    many = api("models", "post_v1_models_model_neighbors").sync(
        "en", client=client, body=models.NeighborsRequest(queries=queries, k=2)
    )
    check([len(result.neighbors) for result in many.results] == [2, 2], many)
    rows = api("models", "post_v1_models_model_embeddings").sync(
        "en", client=client, body=models.RowsByWords(words=["king", "nothing"], oov="skip")
    )
    check(rows.missing == ["nothing"] and len(rows.data[0].vector) == 8, rows)
    answer = api("embeddings", "post_v1_embeddings").sync(
        client=client, body=models.EmbeddingsRequest(model="en", input_=["the king"])
    )
    check(len(answer.data[0].embedding) == 8, answer)
    wrong = api("models", "get_v1_models_model").sync_detailed("nothing", client=client)
    check(wrong.status_code == 404 and "nothing" in wrong.parsed.error.message, wrong)
    wrong = api("jobs", "get_v1_jobs_job").sync_detailed("nothing", client=client)
    check(wrong.status_code == 404 and wrong.parsed.type_ == "/problems/not_found", wrong)
    deleted = api("models", "delete_v1_models_model").sync("en", client=client)
    check(deleted.deleted is True, deleted)
    gone = api("corpora", "delete_v1_corpora_corpus").sync_detailed("text", client=client)
    check(gone.status_code == 204, gone)


if __name__ == "__main__":
    with FOLDER, SERVICE:
        failed = run_tests(
            [
                test_redocly,
                test_examples_are_valid,
                test_a_false_example_is_seen,
                test_generated_client,
            ]
        )
    sys.exit(failed)
