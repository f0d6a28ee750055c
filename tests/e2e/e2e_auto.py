"""What `auto` chooses is told by all who tell of a training, in the same figures: summary,
progress, plan, job, corpus and card. What is set is left alone, a training that is gone on with
keeps what was chosen, and a text of a few words is no trouble."""

import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from folder import Folder
from service import VECMILL, Service, check, expect, run_tests, zipf_text

CHOSEN = ["min_count", "sample", "epochs", "window", "dynamic_window"]
TEXT = zipf_text(400000, seed=5)


def rows(choices):
    """The rows of the five settings, of a report, a plan or a card."""
    return {c["setting"]: (c["value"], c["detail"]) for c in choices if c["setting"] in CHOSEN}


def numbers(choices):
    """As JSON has them: numbers, true and false."""
    return {name: json.loads(value) for name, (value, _) in rows(choices).items()}


def train(folder, *options, code=0, progress="json"):
    done = folder.run("train", "corpus.txt", "--output", "model", "--progress", progress, *options)
    check(done.returncode == code, done.returncode, done.stderr)
    return done


def all_tell_the_same():
    with Folder() as folder, Service() as s:
        folder.put("corpus.txt", TEXT)
        lines = [json.loads(line) for line in train(folder, "--dim", "8").stdout.splitlines()]
        report, done = lines[-1]["corpus"], lines[-1]
        chosen = rows(report["choices"])
        values = numbers(report["choices"])
        check(list(chosen) == CHOSEN, chosen)
        check(1 < values["epochs"] <= 50 and done["epochs"] == values["epochs"], done)
        check(done["words"] <= done["words_total"], done)
        check(done["words_total"] == report["kept_words"] * values["epochs"], done)
        reading = [line for line in lines if line.get("phase") == "vocabulary"]
        check(all(line["epochs"] is None for line in reading))
        notes = [line["note"] for line in lines if "note" in line]
        for name, (value, why) in chosen.items():
            check("auto: %s %s: %s" % (name, value, why) in notes, name, notes)
        summary = train(folder, "--dim", "8", progress="none").stdout.decode()
        for name, (value, why) in chosen.items():
            check("auto: %s %s: %s\n" % (name, value, why) in summary, name, summary)
        table = folder.run("plan", "corpus.txt", "--seconds", "0").stdout.decode()
        for name, (value, why) in chosen.items():
            check("%s = %s: %s\n" % (name, value, why) in table, name, table)
        plan = json.loads(
            folder.run("plan", "corpus.txt", "--json", "--dim", "8", "--seconds", "0.1").stdout
        )
        check(rows(plan["chosen"]) == chosen, plan["chosen"], chosen)
        check({name: plan["settings"][name] for name in CHOSEN} == values, plan["settings"])
        expect(s.put("/v1/corpora/c", TEXT), 201)
        body = {"corpus": "c", "settings": {"dim": 8}, "seconds": 0.1}
        plan = expect(s.post("/v1/plan", body), 200).json
        check(rows(plan["chosen"]) == chosen, plan["chosen"])
        body = {"corpus": "c", "model": "m", "settings": {"dim": 8, "epochs": "auto"}}
        job = expect(s.post("/v1/jobs", body), 202).json
        check(job["settings"]["epochs"] == "auto", job["settings"])
        events = list(s.events(job["id"]))
        job = s.job(job["id"])
        check(job["state"] == "succeeded" and job["epochs"] == values["epochs"], job)
        check(job["epoch"] == job["epochs"], job)
        check(rows(job["corpus_report"]["choices"]) == chosen, job["corpus_report"])
        evenness = job["corpus_report"]["evenness"]
        check(abs(evenness - report["evenness"]) < 1e-6 and 0 < evenness < 1, evenness)
        logged = [e[2]["line"] for e in events if e[1] == "log"]
        for name, (value, why) in chosen.items():
            check(any("%s %s: %s" % (name, value, why) in line for line in logged), logged)
        ended = [e[2] for e in events if e[1] == "epoch"]
        check(len(ended) == values["epochs"], len(ended))
        check(all(e["epochs"] == values["epochs"] for e in ended), ended[0])
        corpus = expect(s.get("/v1/corpora/c"), 200).json
        check(corpus["report"] == job["corpus_report"], corpus)
        card = expect(s.get("/v1/models/m"), 200).json
        check(card["chosen"] == CHOSEN and rows(card["choices"]) == chosen, card)
        check({name: card["settings"][name] for name in CHOSEN} == values, card["settings"])
        # and after a restart
        s.stop()
        s.start()
        check(s.job(job["id"]) == job, s.job(job["id"]), job)
        check(expect(s.get("/v1/models/m"), 200).json["choices"] == card["choices"])


def what_is_set_is_left_alone():
    fixed = {"min_count": 3, "sample": 0.001, "epochs": 2, "window": 4, "dynamic_window": True}
    with Service() as s:
        expect(s.put("/v1/corpora/c", TEXT), 201)
        for name, value in fixed.items():
            job = s.wait(s.submit("c", "m", **{"dim": 4, "epochs": 2, name: value}), "succeeded")
            card = expect(s.get("/v1/models/m"), 200).json
            check(card["settings"][name] == value and job["settings"][name] == value, card)
            wanted = [other for other in CHOSEN if other not in (name, "epochs")]
            check(card["chosen"] == wanted, card["chosen"], wanted)
            check(list(rows(job["corpus_report"]["choices"])) == wanted, job)
        job = s.wait(s.submit("c", "m", dim=4, **fixed), "succeeded")
        card = expect(s.get("/v1/models/m"), 200).json
        check(card["chosen"] == [] and card["choices"] == [], card)
        check(job["corpus_report"]["choices"] == [], job)
        for name in CHOSEN:
            row = next(r for r in s.get("/v1/settings").json["settings"] if r["name"] == name)
            check(row["auto"] and row["default"] == "auto", row)
            check("minimum" in row or row["type"] == "boolean", row)
            wrong = {"corpus": "c", "model": "m", "settings": {name: "some"}}
            expect(s.post("/v1/jobs", wrong), 422, "%s must be " % name, 'or \\"auto\\"')


def the_card_trains_the_same():
    """The settings of a card, set, give the same rows."""
    with Folder() as folder:
        folder.put("corpus.txt", TEXT)
        with Service() as s:
            expect(s.put("/v1/corpora/c", TEXT), 201)
            settings = {"dim": 8, "deterministic": True, "max_steps": 2000}
            s.wait(s.submit("c", "one", **settings), "succeeded")
            card = expect(s.get("/v1/models/one"), 200).json
            s.wait(s.submit("c", "two", **card["settings"]), "succeeded")
            again = expect(s.get("/v1/models/two"), 200).json
            check(card["settings"] == again["settings"] and again["chosen"] == [], again)
            check(card["training"]["steps"] == again["training"]["steps"] == 2000, again)
            files = [s.get("/v1/models/%s/files/vectors.txt" % name) for name in ("one", "two")]
            check(files[0].status == 200 and files[0].body == files[1].body, files[0])


def gone_on_with_it_stays():
    """Stopped and gone on with: the same choices, and the same bytes as in one go."""
    with Folder() as folder:
        folder.put("corpus.txt", zipf_text(1500000, seed=6))
        options = ["--dim", "16", "--threads", "1", "--progress-interval", "0.01"]
        whole = json.loads(train(folder, *options).stdout.splitlines()[-1])
        process = subprocess.Popen(
            [VECMILL, "train", "corpus.txt", "--output", "part", "--progress", "json", *options],
            stdout=subprocess.PIPE,
            cwd=folder.name,
        )
        for line in process.stdout:
            progress = json.loads(line)
            if progress["phase"] == "training" and progress["progress"] > 0.1:
                break
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        check(process.wait() != 0)
        done = folder.run(
            "train", "corpus.txt", "--output", "part", "--progress", "json", "--resume", *options
        )
        check(done.returncode == 0, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        check(any("resumed" in line.get("note", "") for line in lines), lines[:9])
        check(lines[-1]["corpus"]["choices"] == whole["corpus"]["choices"], lines[-1])
        check(lines[-1]["epochs"] == whole["epochs"], lines[-1])
        for name in ("part", "model"):
            done = folder.run("export", name, "--output", name + ".txt")
            check(done.returncode == 0, done.stderr)
        check(folder.read("part.txt") == folder.read("model.txt"), "other rows")


def few_words():
    """A text of a few words: trained as often as epochs_most says, or refused as it should be."""
    texts = {
        "a b c\n": None,
        "a b\n" * 10: None,
        "one two three four\n" * 3: None,
        "\n".join("w%d w%d" % (i, i + 1) for i in range(10)): None,
        "word\n": "is the only word",
        "a\nb\nc\n": "no two words stand in one sentence",
        "a " * 30 + "b": None,
    }
    for text, refusal in texts.items():
        with Folder() as folder:
            folder.put("corpus.txt", text)
            options = ["--dim", "4", "--threads", "1"]
            done = train(folder, *options, code=1 if refusal else 0)
            plan = folder.run("plan", "corpus.txt", "--json", "--seconds", "0", *options)
            planned = json.loads(plan.stdout)
            if refusal:
                check(refusal in done.stderr.decode(), done.stderr)
                check(refusal in planned["refusal"]["detail"], planned)
                continue
            last = json.loads(done.stdout.splitlines()[-1])
            chosen = numbers(last["corpus"]["choices"])
            check(chosen["epochs"] == last["epochs"] == 50, chosen)
            check(chosen["min_count"] >= 1 and last["corpus"]["vocabulary"] >= 2, last)
            check(numbers(planned["chosen"]) == chosen, planned["chosen"], chosen)


def together_with_others():
    """max_steps, holdout and stop_early count in the epochs that were chosen; num_true is agreed
    with; a sample's plan chooses for the whole."""
    with Folder() as folder:
        folder.put("corpus.txt", TEXT)
        last = json.loads(train(folder, "--dim", "4", "--max-steps", "100").stdout.splitlines()[-1])
        check(last["step"] == 100 and last["stopped"] == "max_steps", last)
        check(last["epochs"] == numbers(last["corpus"]["choices"])["epochs"], last)
        options = ["--dim", "4", "--holdout", "0.1", "--stop-early", "holdout_loss"]
        last = json.loads(train(folder, *options).stdout.splitlines()[-1])
        check(last["evaluations"] >= 1 and last["holdout_loss"] > 0, last)
        check(last["epochs"] == numbers(last["corpus"]["choices"])["epochs"], last)
        options = ["--dim", "4", "--epochs", "1", "--num-true", "31"]
        last = json.loads(train(folder, *options).stdout.splitlines()[-1])
        chosen = numbers(last["corpus"]["choices"])
        check(chosen["window"] == 16, chosen)
        whole = json.loads(folder.run("plan", "corpus.txt", "--json", "--seconds", "0").stdout)
        part = json.loads(
            folder.run(
                "plan", "corpus.txt", "--json", "--seconds", "0", "--sample-bytes", "200000"
            ).stdout
        )
        check(not part["corpus"]["exact"], part["corpus"])
        exact, told = numbers(whole["chosen"]), numbers(part["chosen"])
        check(abs(exact["epochs"] - told["epochs"]) <= 1, exact, told)
        check(0.9 < exact["sample"] / told["sample"] < 1.1, exact, told)


def told_truly_while_it_runs():
    """Of a job that waits and of one that counts nothing is told that is not known."""
    with Service() as s:
        expect(s.put("/v1/corpora/c", zipf_text(3000000, seed=7)), 201)
        long = s.submit("c", "long", dim=64, epochs=100000, threads=1)
        job = s.job(s.submit("c", "next", dim=8))
        check(job["state"] == "queued" and job["epochs"] is None and job["epoch"] == 0, job)
        listed = expect(s.get("/v1/jobs"), 200).json["data"]
        check(any(row["id"] == job["id"] and row["epochs"] is None for row in listed), listed)
        expect(s.post("/v1/jobs/%s/cancel" % long), 200)
        running = s.wait_training(job["id"])
        metrics = s.get("/metrics").body.decode()
        check("9223372036854775808" not in metrics and "-inf" not in metrics.lower(), metrics)
        check(running["epochs"] == numbers(running["corpus_report"]["choices"])["epochs"], running)
        # settings.conf has auto, the page of the job too
        check(running["settings"]["window"] == "auto", running["settings"])
        s.wait(job["id"], "succeeded")


def rare_words_tell_where_min_count_is_set():
    """What is counted tells text from items, also where min_count needs no choosing: 300 words as
    often as each other, and 6,000 that stand there twice."""
    words = ["w%d" % (i % 300) for i in range(30000)] + ["r%d" % (i % 6000) for i in range(12000)]
    with Folder() as folder:
        folder.put("corpus.txt", " ".join(words))
        for options, window in (([], 5), (["--text-rare-from", "1"], 15)):
            plan = folder.run(
                "plan", "corpus.txt", "--json", "--seconds", "0", "--min-count", "2", *options
            )
            chosen = numbers(json.loads(plan.stdout)["chosen"])
            check(chosen["window"] == window and chosen["dynamic_window"] == (window == 5), chosen)


if __name__ == "__main__":
    sys.exit(
        run_tests(
            [
                all_tell_the_same,
                what_is_set_is_left_alone,
                the_card_trains_the_same,
                gone_on_with_it_stays,
                few_words,
                rare_words_tell_where_min_count_is_set,
                together_with_others,
                told_truly_while_it_runs,
            ]
        )
    )
