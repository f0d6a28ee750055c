"""Prometheus, started from its package, scrapes a server that trains: every query of the board and
every alert rule is asked there and finds something, and an alarm really goes off."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from service import PATIENCE, VECMILL, Service, check  # noqa: E402
from service import run_tests, wait_until, zipf_text  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PACKAGING = os.path.join(ROOT, "packaging")
RULES = os.path.join(PACKAGING, "prometheus", "vecmill.rules.yml")
BOARD = os.path.join(PACKAGING, "grafana", "vecmill.json")
INTERVAL = 1  # seconds between scrapes


def program(name):
    """From PATH, or from scripts/test-prometheus."""
    local = os.path.join(ROOT, "build", "prometheus", name)
    return shutil.which(name) or (local if os.access(local, os.X_OK) else None)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def config_of(name, port, secrets=""):
    """A file of packaging/prometheus that asks our server, each second."""
    with open(os.path.join(PACKAGING, "prometheus", name), encoding="utf-8") as file:
        text = file.read().replace("vecmill:8080", "127.0.0.1:%d" % port)
    text = text.replace("interval: 15s", "interval: %ds" % INTERVAL)
    return text.replace("/run/secrets", secrets)


class Prometheus:
    """One with the given configuration and the rules of packaging/."""

    def __init__(self, config):
        self.folder = tempfile.mkdtemp(prefix="vecmill-prometheus-")
        self.port = free_port()
        shutil.copy(RULES, self.folder)
        path = os.path.join(self.folder, "prometheus.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(config)
        self.log = open(os.path.join(self.folder, "log"), "w+b")
        self.process = subprocess.Popen(
            [
                program("prometheus"),
                "--config.file=" + path,
                "--storage.tsdb.path=" + os.path.join(self.folder, "data"),
                "--web.listen-address=127.0.0.1:%d" % self.port,
            ],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            cwd=self.folder,
        )

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.process.kill()
        self.process.wait()
        if error is not None:
            self.log.seek(0)
            sys.stderr.write(self.log.read().decode("utf-8", "replace")[-4000:])
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def get(self, path, **parameters):
        url = "http://127.0.0.1:%d/api/v1/%s?%s" % (
            self.port,
            path,
            urllib.parse.urlencode(parameters),
        )
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:  # it is starting
                return None
            raise AssertionError("%s: %s" % (parameters, error.read().decode())) from None
        except OSError:
            check(self.process.poll() is None, "Prometheus has ended")
            return None

    def query(self, expression):
        """The series that answer; what is not a vector, or has a warning, is no answer."""
        data = self.get("query", query=expression)
        return data["result"] if data else []


def board_queries():
    with open(BOARD, encoding="utf-8") as file:
        board = json.load(file)
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$__rate_interval", "%ds" % (4 * INTERVAL))
            expression = expression.replace("$job", "vecmill").replace("$instance", ".*")
            check("$" not in expression, "a variable that nothing knows:", expression)
            yield panel["title"], expression
    for variable in board["templating"]["list"]:
        found = re.match(r"label_values\((.+), *(\w+)\)$", str(variable.get("definition", "")))
        if found:
            yield variable["name"], "count by (%s) (%s)" % (
                found.group(2),
                found.group(1).replace("$job", "vecmill"),
            )


def always(expression):
    """The expression of an alert with its comparison made a 0 or 1: it must have series also while
    all is well. What stands in braces is no comparison."""
    parts = re.split(r'(\{(?:[^{}"]|"[^"]*")*\})', expression)
    parts[::2] = [re.sub(r"(==|!=|>=|<=|>|<)(?!=)", r"\1 bool", part) for part in parts[::2]]
    return "".join(parts)


def alert_rules():
    import yaml

    with open(RULES, encoding="utf-8") as file:
        for group in yaml.safe_load(file)["groups"]:
            for rule in group["rules"]:
                yield rule["alert"], rule["expr"]


def provoke(server):
    """A little of everything, so that no series is missing for want of a reason."""
    for path in ("neighbors?id=1", "embeddings?id=1", "words"):
        check(server.get("/v1/models/m/" + path).status == 200, path)
    server.get("/nothing/here")
    server.put("/v1/corpora/small", "a b c d\n")


def submit(server, model, epochs, **more):
    return server.submit(
        "c", model, epochs=epochs, min_count=1, dim=16, threads=1, progress_interval=0.2, **more
    )


def test_queries_and_rules():
    failures = []
    with Service() as server:
        server.put("/v1/corpora/c", zipf_text(200000, words=500))
        server.wait(submit(server, "m", 1), "succeeded")
        long = submit(server, "long", 100000, holdout=0.1)
        with Prometheus(config_of("prometheus.yml", server.port)) as prometheus:
            queries = [("board: " + title, text) for title, text in board_queries()]
            queries += [("alert: " + name, always(text)) for name, text in alert_rules()]
            check(len(queries) > 80, len(queries))
            for where, text in queries:
                found = wait_until(
                    lambda text=text: (provoke(server), prometheus.query(text))[1],
                    lambda where=where, text=text: "%s: nothing answers %s" % (where, text),
                )
                names = [series["metric"] for series in found]
                check(len(names) == len({json.dumps(name) for name in names}), where, names)
                bad = [s for s in found if s["value"][1] in ("+Inf", "-Inf")]
                if bad:
                    failures.append("%s: %s" % (where, bad))
            check_targets(prometheus)
            check_rules(prometheus)
            check_names(prometheus, long)
            check_end_of_job(server, prometheus, long)
            check_alarm(server, prometheus)
    check(not failures, "\n".join(failures))
    print("%d queries and rules have series" % len(queries))


def check_targets(prometheus):
    (target,) = prometheus.get("targets")["activeTargets"]
    check(target["health"] == "up" and not target["lastError"], target)
    check(prometheus.query("scrape_samples_scraped > 200"), "samples")


def check_rules(prometheus):
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    check(len(rules) == len(list(alert_rules())), len(rules))
    for rule in rules:
        check(rule["health"] == "ok" and not rule.get("lastError"), rule)


def check_names(prometheus, job):
    """Our labels are not in the way of those that Prometheus gives to what it scrapes."""
    check(prometheus.query('{__name__=~"vecmill_.+",exported_job!=""}') == [], "a label called job")
    check(prometheus.query('{__name__=~"vecmill_.+",exported_instance!=""}') == [], "instance")
    check(prometheus.query('vecmill_job_info{job_id="%s",corpus="c",model="long"}' % job), "info")
    metadata = prometheus.get("metadata")
    check(metadata["vecmill_http_request_duration_seconds"][0]["type"] == "histogram", "type")
    check(metadata["vecmill_job_loss"][0]["help"], "help")


def check_end_of_job(server, prometheus, job):
    """What belongs to a job ends with it."""
    check(server.post("/v1/jobs/%s/cancel" % job).status == 200, "cancel")
    of_job = '{__name__=~"vecmill_job_.+",job_id="%s"}' % job
    wait_until(lambda: not prometheus.query(of_job), lambda: "series of a job that has ended")
    check(b'job_id="' not in server.get("/metrics").body, "series of a job that has ended")
    ended = 'vecmill_jobs_ended_total{state="cancelled"} == 1'
    wait_until(lambda: prometheus.query(ended), lambda: "the job has not ended")


def check_alarm(server, prometheus):
    check(not any(alarms(prometheus, "VecmillDown")), "an alarm while all is well")
    server.stop()
    wait_until(
        lambda: alarms(prometheus, "VecmillDown"), lambda: "no alarm though the server is gone"
    )


def alarms(prometheus, name):
    data = prometheus.get("alerts") or {"alerts": []}
    return [alert for alert in data["alerts"] if alert["labels"]["alertname"] == name]


def run_commands(path, folder):
    """The commands at the top of a file of packaging/ that make keys and certificates: run there
    as they stand."""
    with open(path, encoding="utf-8") as file:
        comment = "".join(line[1:].strip() + "\n" for line in file if line.startswith("#"))
    commands = [
        re.sub(r" {3,}.*", "", line)  # what it is for stands behind it
        for line in comment.replace("\\\n", "").split("\n")
        if line.startswith(("vecmill key create", "openssl req"))
    ]
    programs = os.path.dirname(os.path.abspath(VECMILL)) + ":/usr/bin:/bin"
    environment = dict(os.environ, PATH=programs)
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", "set -e -o pipefail; " + command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        check(done.returncode == 0, command, done.stderr)
    return len(commands)


def test_keys_and_tls():
    """As packaging/compose.tls.yaml has it: its commands, its settings, Prometheus with a key."""
    import yaml

    path = os.path.join(PACKAGING, "compose.tls.yaml")
    folder = tempfile.mkdtemp(prefix="vecmill-secrets-")
    try:
        check(run_commands(path, folder) == 3, "commands")
        yaml.SafeLoader.add_constructor("!override", yaml.SafeLoader.construct_sequence)
        with open(path, encoding="utf-8") as file:
            variables = yaml.safe_load(file)["services"]["vecmill"]["environment"]
        server = Service(start=False)
        with server:
            server.start(**{
                name: value.replace("/run/secrets", folder) for name, value in variables.items()
            })  # fmt: skip
            config = config_of("prometheus.tls.yml", server.port, folder)
            with Prometheus(config) as prometheus:
                up = 'up{job="vecmill"} == 1'
                wait_until(lambda: prometheus.query(up), lambda: prometheus.get("targets"))
                check(prometheus.query("vecmill_build_info"), "nothing was scraped")
            without = re.sub(r"(?m)^ *authorization:.*\n", "", config)
            with Prometheus(without) as prometheus:
                wait_until(
                    lambda: "401" in json.dumps(prometheus.get("targets")),
                    lambda: prometheus.get("targets"),
                )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    if not program("prometheus"):
        print("SKIPPED: no prometheus (scripts/test-prometheus), so THE BOARD WAS NOT ASKED")
        return 77
    try:
        import yaml  # noqa: F401
    except ImportError:
        print("SKIPPED: no PyYAML, so THE RULES WERE NOT ASKED")
        return 77
    return run_tests([test_queries_and_rules, test_keys_and_tls])


if __name__ == "__main__":
    sys.exit(main())
