"""A plan says what a training then takes: by the command line and over HTTP, of texts in every
form, exact and from a sample; it is refused, bounded and stopped as it should be. And names of
other trainers get a hint wherever a setting is named."""

import gzip
import json
import os
import re
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from folder import Folder as BareFolder
from service import VECMILL, Service, check, expect, run_tests, wait_until, zipf_text

TEXT = zipf_text(1500000)


class Folder(BareFolder):
    """With plans."""

    def plan(self, *arguments, code=0):
        done = self.run("plan", *arguments, "--json", "--seconds", "0.1")
        check(done.returncode == code, done.returncode, done.stdout, done.stderr)
        check(os.listdir(self / "scratch") == [], "left over", os.listdir(self / "scratch"))
        return json.loads(done.stdout)


def anonymous_peak(process):
    """The most memory of its own that a process had, while it runs."""
    peak = 0
    while process.poll() is None:
        try:
            with open("/proc/%d/status" % process.pid) as file:
                found = re.search(r"^RssAnon:\s+(\d+) kB", file.read(), re.M)
        except OSError:
            break
        peak = max(peak, int(found.group(1)) << 10 if found else 0)
    return peak


def plan_and_training_agree():
    with Folder() as folder:
        corpus = folder.put("corpus.txt", TEXT)
        for number, options in enumerate(
            (
                ["--dim", "100"],
                ["--dim", "300", "--min-count", "20", "--threads", "1"],
                ["--dim", "64", "--sample", "0.00001", "--checkpoint-interval", "0.05"],
                ["--dim", "200", "--max-vocab", "500", "--save-output", "false"],
            )
        ):
            plan = folder.plan(corpus, *options)
            output = folder / ("model%d" % number)
            training = subprocess.Popen(
                [VECMILL, "train", corpus, "--output", output, "--progress", "json", *options],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            peak = [0]
            watch = threading.Thread(target=lambda: peak.__setitem__(0, anonymous_peak(training)))
            watch.start()
            reports = [json.loads(line) for line in training.stdout]
            reports[-1].update(reports[-1].get("corpus") or {})
            watch.join()
            check(training.wait() == 0, training.stderr.read())
            done = reports[-1]
            check(done["event"] == "done", done)
            for here, there in (
                (plan["corpus"]["words"], "words"),
                (plan["corpus"]["distinct"], "distinct"),
                (plan["corpus"]["sentences"], "sentences"),
                (plan["vocabulary"]["kept_words"], "kept_words"),
                (plan["vocabulary"]["words"], "vocabulary"),
            ):
                check(here == done[there], there, here, done)
            size = os.path.getsize(os.path.join(output, "model.vecmill"))
            check(size <= plan["disk"]["model"] + 65536, size, plan["disk"])
            needed = max(plan["memory"]["needed"], plan["memory"]["reading"])
            check(peak[0] > 0 and peak[0] <= needed, "measured", peak[0], plan["memory"])
            check(plan["disk"]["needed"] >= size and plan["disk"]["fits"], plan["disk"])
            check(plan["trainable"] and plan["time"]["seconds"] > 0, plan)


def every_form_of_a_text():
    with Folder() as folder:
        plain = folder.plan(folder.put("a.txt", TEXT))
        packed = folder.plan(folder.put("a.txt.gz", gzip.compress(TEXT.encode())))
        lines = "".join(json.dumps({"text": line}) + "\n" for line in TEXT.splitlines())
        for other in (packed, folder.plan(folder.put("a.jsonl", lines))):
            for part in ("vocabulary", "subsampling", "memory"):
                mine = dict(plain[part])
                if part == "memory":
                    mine.pop("reading"), other[part].pop("reading")
                check(other[part] == mine, part, other[part], mine)
            check(other["corpus"]["exact"], other["corpus"])
            check(other["corpus"]["words"] == plain["corpus"]["words"])
            check(other["disk"]["reading"] > plain["disk"]["reading"], "scratch files are counted")
        counts = {}
        for word in TEXT.split():
            counts[word] = counts.get(word, 0) + 1
        for point in plain["vocabulary"]["curve"]:
            kept = [n for n in counts.values() if n >= point["min_count"]]
            check(point["words"] == len(kept), point, len(kept))
            check(abs(point["covered"] - sum(kept) / sum(counts.values())) < 1e-9, point)


def a_sample_is_extrapolated():
    with Folder() as folder:
        corpus = folder.put("a.txt", TEXT)
        exact = folder.plan(corpus, "--min-count", "2")
        told = folder.plan(corpus, "--min-count", "2", "--sample-bytes", "150K")
        sample = told["corpus"]["sample"]
        check(not told["corpus"]["exact"] and 0.05 < sample["share"] < 0.2, sample)
        for pick in (
            lambda plan: plan["corpus"]["words"],
            lambda plan: plan["corpus"]["bytes"],
            lambda plan: plan["vocabulary"]["kept_words"],
        ):
            check(0.95 < pick(told) / pick(exact) < 1.05, pick(told), pick(exact))
        ratio = told["vocabulary"]["words"] / exact["vocabulary"]["words"]
        check(0.7 < ratio < 1.6, told["vocabulary"], exact["vocabulary"])
        check(abs(told["subsampling"]["share"] - exact["subsampling"]["share"]) < 0.05)
        table = folder.run("plan", corpus, "--sample-bytes", "150K", "--seconds", "0").stdout
        check(b"extrapolated from a sample" in table and b"not known" in table, table)
        whole = folder.plan(corpus, "--sample-bytes", "1G")
        check(whole["corpus"]["exact"] and whole["corpus"]["sample"] is None, whole["corpus"])


def ends_as_training_would():
    with Folder() as folder:
        for text, options in (
            ("a b c\nd e f\n", ["--min-count", "5"]),
            ("a\nb\na\nb\n", []),
            ("a a a\n", []),
            (TEXT, ["--dim", "4096", "--max-memory", "20M"]),
            ("", []),
            ("\n \n", []),
            (b"%PDF-1.4 not a text\n" * 50, []),
            ("a b a b\n" * 9, ["--num-true", "99", "--window", "5"]),
        ):
            corpus = folder.put("corpus", text)
            planned = folder.run("plan", corpus, "--seconds", "0", *options)
            trained = folder.run("train", corpus, "--output", folder / "m", *options)
            check(planned.returncode == trained.returncode != 0, planned, trained)
            says = [done.stderr.decode().strip().split(": ", 1)[1] for done in (planned, trained)]
            prefix = "training would be refused: "
            says[0] = says[0][len(prefix) :] if says[0].startswith(prefix) else says[0]
            check(says[0] == says[1], says)
            check(os.listdir(folder / "scratch") == [], os.listdir(folder / "scratch"))
            told = folder.run("plan", corpus, "--seconds", "0", "--json", *options)
            if told.stdout:
                document = json.loads(told.stdout)
                refusal = document.get("refusal") or document
                check(refusal["detail"] == says[0], refusal, says[0])


def over_http():
    with Service("--max-memory", "1G") as s:
        expect(s.put("/v1/corpora/c", TEXT), 201)
        settings = {"dim": 50, "min_count": 3, "epochs": 2}
        body = {"corpus": "c", "settings": settings, "seconds": 0.1}
        plan = expect(s.post("/v1/plan", body), 200).json
        check(plan["object"] == "plan" and plan["corpus"]["name"] == "c", plan["corpus"])
        check(plan["settings"]["dim"] == 50 and plan["memory"]["allowed"] <= 1 << 30, plan)
        schema = s.get("/openapi.json").json["components"]["schemas"]["Plan"]
        check(sorted(schema["required"]) == sorted(plan), sorted(plan))
        for part, member in schema["properties"].items():
            if member.get("type") == "object":
                check(set(plan[part]) <= set(member["properties"]), part, plan[part])
        job = s.wait(s.submit("c", "m", **settings), "succeeded")
        report = job["corpus_report"]
        check(report["vocabulary"] == plan["vocabulary"]["words"], report)
        check(report["sample_share"] == plan["subsampling"]["share"], report)
        check(report["sample"] == plan["subsampling"]["sample"], report)
        lines = "".join(json.dumps(line.split()) + "\n" for line in TEXT.splitlines())
        expect(s.put("/v1/corpora/n", lines, {"Content-Type": "application/x-ndjson"}), 201)
        body = {"corpus": "n", "settings": settings, "seconds": 0}
        other = expect(s.post("/v1/plan", body), 200).json
        check(other["vocabulary"] == plan["vocabulary"] and other["time"] is None, other)
        body["sample_bytes"] = 100000
        check(not expect(s.post("/v1/plan", body), 200).json["corpus"]["exact"])
        # what training refuses is a plan; what nobody can plan is an error
        refused = expect(
            s.post("/v1/plan", {"corpus": "c", "settings": {"min_count": 10**9}}), 200
        ).json
        check(not refused["trainable"] and refused["refusal"]["setting"] == "min_count", refused)
        expect(s.post("/v1/plan", {"corpus": "nope"}), 404, "no corpus 'nope'")
        expect(s.post("/v1/plan", {}), 422, "corpus is missing")
        expect(s.post("/v1/plan", {"corpus": "c", "sample_bytes": -1}), 422, "/sample_bytes")
        expect(s.post("/v1/plan", {"corpus": "c", "seconds": 61}), 422, "/seconds")
        expect(s.post("/v1/plan", {"corpus": "c", "settings": {"dim": 0}}), 422, "/settings/dim")
        expect(s.post("/v1/plan", {"corpus": "n", "settings": {"format": "text"}}), 422, "format")
        expect(s.put("/v1/corpora/e", "\n\n"), 201)
        expect(s.post("/v1/plan", {"corpus": "e"}), 422, "corpus is empty")
        s.check_tidy()


def children(pid):
    found = []
    for name in os.listdir("/proc"):
        try:
            with open("/proc/%s/stat" % name) as file:
                if name.isdigit() and int(file.read().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(name))
        except OSError:
            continue
    return found


def bounded_and_stopped():
    """Plans beyond max_plans_running are refused, others are answered meanwhile, and a client that
    goes takes its plan along."""
    with Service("--max-plans-running", "1") as s:
        expect(s.put("/v1/corpora/c", TEXT), 201)
        body = json.dumps({"corpus": "c", "seconds": 60}).encode()
        head = "POST /v1/plan HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" % len(body)
        client = socket.create_connection(("127.0.0.1", s.port))
        client.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
        wait_until(lambda: children(s.process.pid), lambda: "no process")
        answer = expect(s.post("/v1/plan", {"corpus": "c"}), 429, "max_plans_running is 1")
        check(answer.headers["Retry-After"], answer.headers)
        expect(s.get("/v1/corpora/c"), 200)
        expect(s.delete("/v1/corpora/c"), 204)  # the plan has a link of its own
        client.close()
        wait_until(lambda: not children(s.process.pid), lambda: "the process stays")
        wait_until(lambda: not s.leftovers(), lambda: "left over: %s" % s.leftovers())
        expect(s.put("/v1/corpora/c", TEXT), 201)
        expect(s.post("/v1/plan", {"corpus": "c", "seconds": 0}), 200)
        # one that is asked for when the service stops does not hold it up
        client = socket.create_connection(("127.0.0.1", s.port))
        client.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
        wait_until(lambda: children(s.process.pid), lambda: "no process")
        check(s.stop() == 0)
        client.close()
        s.start()
        s.check_tidy()


def other_names():
    with open("config/other_names.def") as file:
        rows = re.findall(r'^OTHER_NAME\((\w+), "(\w*)",\s*"?((?:[^")]|"\s*")*)', file.read(), re.M)
    check(len(rows) > 80, len(rows))
    with Folder() as folder, Service() as s:
        corpus = folder.put("corpus", "a b\n" * 20)
        expect(s.put("/v1/corpora/c", "a b\n" * 20), 201)
        for name, ours, _ in rows:
            dashed = name.replace("_", "-")
            for option in ("--" + dashed, "--" + name, "-" + dashed):
                done = folder.run("train", corpus, "--output", "m", option, "1")
                says = done.stderr.decode()
                wanted = "did you mean '--%s'?" % ours.replace("_", "-") if ours else option + "': "
                check(done.returncode == 2 and wanted in says, option, says)
            variable = {"VECMILL_" + name.upper(): "1"}
            says = folder.run("train", corpus, "--output", "m", **variable).stderr.decode()
            check(("'VECMILL_%s'?" % ours.upper() if ours else ": ") in says, variable, says)
            conf = folder.put("conf", "%s = 1\n" % name)
            says = folder.run("train", corpus, "--output", "m", "--config", conf).stderr.decode()
            wanted = "did you mean '%s'?" % ours if ours else "'%s': " % name
            check(wanted in says and "conf:1:" in says, conf, says)
            settings = {"corpus": "c", "model": "m", "settings": {name: 1}}
            expect(s.post("/v1/jobs", settings), 422, wanted, "/settings/" + name)
            expect(s.post("/v1/plan", {"corpus": "c", "settings": {name: 1}}), 422, wanted)
            expect(s.post("/v1/models/m/train?%s=1" % name, "a b\n"), 422, wanted)
        says = folder.run("nearest", "m", "w", "--vector-size", "3").stderr.decode()
        check("did you mean" not in says, "nearest takes no dim", says)


if __name__ == "__main__":
    sys.exit(
        run_tests(
            [
                plan_and_training_agree,
                every_form_of_a_text,
                a_sample_is_extrapolated,
                ends_as_training_would,
                over_http,
                bounded_and_stopped,
                other_names,
            ]
        )
    )
