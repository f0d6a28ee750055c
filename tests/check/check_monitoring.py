"""packaging/prometheus and packaging/grafana: promtool takes rules and configurations, the rules
pass their unit tests, each alert has a test and a place in the operator's guide; the board is
whole. What its queries find is for e2e_prometheus."""

import json
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
RULES = "packaging/prometheus/vecmill.rules.yml"
TESTS = "packaging/prometheus/vecmill.rules.test.yml"
GUIDE = "docs/monitoring.md"


def check(condition, *what):
    if not condition:
        sys.exit("check_monitoring: " + " ".join(str(part) for part in what))


def text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def promtool(*arguments):
    local = os.path.join("build", "prometheus", "promtool")
    program = shutil.which("promtool") or (local if os.access(local, os.X_OK) else None)
    if not program:
        return False
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    check(done.returncode == 0, "promtool", *arguments, done.stdout, done.stderr)
    return True


def check_rules():
    import yaml

    rules = [rule for group in yaml.safe_load(text(RULES))["groups"] for rule in group["rules"]]
    tests = yaml.safe_load(text(TESTS))["tests"]
    guide = text(GUIDE)
    cases = [case for test in tests for case in test["alert_rule_test"]]
    for rule in rules:
        name = rule["alert"]
        mine = [case for case in cases if case["alertname"] == name]
        check([case for case in mine if case.get("exp_alerts")], name, "has no test that fires")
        check([case for case in mine if not case.get("exp_alerts")], name, "has no quiet test")
        check(rule["labels"]["severity"] in ("critical", "warning"), name, "severity")
        check(set(rule["annotations"]) == {"summary", "description"}, name, "annotations")
        check("`%s`" % name in guide, name, "is not in", GUIDE)
    names = [rule["alert"] for rule in rules]
    check(len(set(names)) == len(names), "an alert twice")
    check({case["alertname"] for case in cases} == set(names), "a test of no alert")
    for name in re.findall(r"`(Vecmill\w+)`", guide):
        check(name in names, GUIDE, "speaks of", name)
    return len(rules)


def check_board():
    board = json.loads(text("packaging/grafana/vecmill.json"))
    taken, ids = set(), set()
    variables = {row["name"] for row in board["templating"]["list"]}
    for panel in board["panels"]:
        title, place = panel["title"], panel["gridPos"]
        check(panel["id"] not in ids, title, "has the id of another panel")
        ids.add(panel["id"])
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        check(not cells & taken and place["x"] + place["w"] <= 24, title, "lies on another panel")
        taken |= cells
        if panel["type"] == "row":
            continue
        check(panel["fieldConfig"]["defaults"].get("unit"), title, "has no unit")
        check(len(panel.get("description", "")) > 10, title, "has no description")
        check(panel["targets"], title, "asks nothing")
        for target in panel["targets"]:
            check(target["datasource"]["uid"] == "${datasource}", title, "has a fixed data source")
            check(target["legendFormat"], title, "has a series without a legend")
            used = set(re.findall(r"\$(\w+)", target["expr"])) - {"__rate_interval"}
            check(used and used <= variables, title, "uses", used)
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                check(label != "job", title, "legend")
    titles = [panel["title"] for panel in board["panels"] if panel["type"] != "row"]
    check(len(set(titles)) == len(titles), "a title twice")
    return len(titles)


def main():
    os.chdir(ROOT)
    try:
        import yaml  # noqa: F401
    except ImportError:
        print("check_monitoring: SKIPPED: no python3-yaml, so THE RULES WERE NOT CHECKED")
        return 77
    panels, rules = check_board(), check_rules()
    linted = promtool("check", "rules", RULES) and promtool("test", "rules", TESTS)
    for name in ("prometheus.yml", "prometheus.tls.yml"):
        promtool("check", "config", "--syntax-only", "packaging/prometheus/" + name)
    if not linted:
        print("check_monitoring: SKIPPED: no promtool, so THE TESTS OF THE RULES WERE NOT RUN")
        return 77
    print("check_monitoring: %d panels, %d alerts" % (panels, rules))
    return 0


if __name__ == "__main__":
    sys.exit(main())
