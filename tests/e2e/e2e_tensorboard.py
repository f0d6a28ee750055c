#!/usr/bin/env python3
"""Event files as TensorBoard's own readers see them: every number of the history, at its step; a
folder that is watched while jobs train, are paused, and die with the server; and that of the
command line.
VECMILL names the program."""

import glob
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from service import VECMILL, Service, check, expect, run_tests, wait_until, zipf_text
from tools import require

_, accumulator = require("tensorboard", "tensorboard.backend.event_processing.event_accumulator")


def scalars(content, name):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
        events = accumulator.EventAccumulator(folder, size_guidance={accumulator.SCALARS: 0})
        events.Reload()
        plugin = events.summary_metadata
        return {
            tag: ([(e.step, e.value) for e in events.Scalars(tag)],
                  plugin[tag].plugin_data.plugin_name)
            for tag in events.Tags()["scalars"]
        }


def download(server, path):
    answer = server.get(path)
    check(answer.status == 200, answer)
    name = re.search(r'filename="(.*)"', answer.headers["Content-Disposition"]).group(1)
    check(re.fullmatch(r"events\.out\.tfevents\.\d{10}\.\w+", name), name)
    return scalars(answer.body, name)


def numbers_of(rows):
    """name: [(step, value)...] of the rows of a history, as TensorBoard should have them."""
    wanted = {}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                wanted.setdefault(name, []).append((row["step"], value))
    for name in ("step", "epochs", "words_total", "eta_seconds"):
        wanted.pop(name, None)
    return wanted


def check_same(found, wanted):
    check(set(found) == set(wanted), sorted(found), sorted(wanted))
    for name, (points, plugin) in found.items():
        check(plugin == "scalars", name, plugin)
        check([step for step, _ in points] == [step for step, _ in wanted[name]], name)
        for (_, value), (_, exact) in zip(points, wanted[name]):
            check(abs(value - exact) <= 1e-6 * max(1, abs(exact)), name, value, exact)


def history(server, id):
    return expect(server.get(f"/v1/jobs/{id}/history"), 200).json["data"]


def event_files(folder):
    return sorted(glob.glob(os.path.join(folder, "**", "events.out.tfevents.*"), recursive=True))


def watch(folder):
    events = accumulator.EventAccumulator(folder, size_guidance={accumulator.SCALARS: 0})
    events.Reload()
    return events


def posted(answer):
    check(answer.status in (200, 202), answer)


def steps_of(events, tag="learning_rate"):
    return [event.step for event in events.Scalars(tag)]


def test_downloads():
    with Service() as server:
        server.put("/v1/corpora/text", zipf_text(400000))
        id = server.submit("text", "made", dim=16, epochs=3, progress_interval=0.01, holdout=0.1)
        version = server.wait(id, "succeeded")["version"]
        rows = history(server, id)
        check(len(rows) >= 3, rows)
        found = download(server, f"/v1/jobs/{id}/events.tfevents")
        some = {"loss", "words_per_second", "holdout_loss", "row_norm", "clipped_share"}
        check(some <= set(found), sorted(found))
        check_same(found, numbers_of(rows))
        for path in ("/v1/models/made", f"/v1/models/made/versions/{version}"):
            check(download(server, path + "/events.tfevents") == found, path)
        few = download(server, f"/v1/jobs/{id}/events.tfevents?points=2")
        check(len(few["loss"][0]) <= 2, few["loss"])
        check(server.get("/v1/jobs/nothing/events.tfevents").status == 404)
        expect(server.put("/v1/models/other/files/a.txt", "2 2\na 1 2\nb 3 4\n"), 201)
        answer = expect(server.get("/v1/models/other/events.tfevents"), 404)
        check("it was imported" in answer.json["error"]["message"], answer)
        expect(server.get("/v1/models/none/events.tfevents"), 404)


def test_a_folder_that_is_watched():
    """A job that is paused, and two deaths of the server: the file that a reader holds open
    goes on, and the steps rise as in a training that nothing disturbed."""
    with tempfile.TemporaryDirectory() as folder:
        with Service("--tensorboard_dir", os.path.join(folder, "board")) as server:
            server.put("/v1/corpora/text", zipf_text(3000000))
            settings = {"dim": 64, "epochs": 40, "threads": 1, "progress_interval": 0.05,
                        "checkpoint_interval": 0.2, "holdout": 0.05, "evaluate_every": 0.05}
            id = server.submit("text", "made", **settings)
            server.wait_training(id)
            place = os.path.join(folder, "board", "made", id)
            wait_until(lambda: event_files(place), lambda: "no file in " + place)
            name = event_files(place)[0]
            events = watch(place)
            inode = os.stat(name).st_ino
            for deed in ("kill", "pause", "kill"):
                seen = len(steps_of(events)) if "learning_rate" in events.Tags()["scalars"] else 0
                wait_until(
                    lambda: events.Reload() and len(steps_of(events)) > seen,
                    lambda: "TensorBoard sees nothing new",
                    lambda: server.job(id)["words"],
                )
                server.wait_training(id, lambda job: job["step"] > steps_of(events)[-1])
                if deed == "kill":
                    server.kill()
                    with open(name, "ab") as file:
                        file.write(b"\x20\0\0\0\0\0\0\0torn")  # as a power cut leaves it
                    events.Reload()
                    server.start()
                else:
                    posted(server.post(f"/v1/jobs/{id}/pause"))
                    server.wait(id, "paused")
                    posted(server.post(f"/v1/jobs/{id}/resume"))
                server.wait_training(id)
            before = steps_of(events)[-1]
            wait_until(lambda: events.Reload() and steps_of(events)[-1] > before
                       and "holdout_loss" in events.Tags()["scalars"],
                       lambda: "TensorBoard sees nothing of the last start",
                       lambda: server.job(id)["words"])
            posted(server.post(f"/v1/jobs/{id}/cancel"))
            wait_until(lambda: server.job(id)["state"] == "cancelled", lambda: "not cancelled")
            check(event_files(folder) == [name], event_files(folder))
            check(os.stat(name).st_ino == inode, "the file was replaced")
            fresh = watch(place)
            events.Reload()
            for tag in fresh.Tags()["scalars"]:
                check(steps_of(fresh, tag) == steps_of(events, tag), "a reader sees the same", tag)
            steps = steps_of(fresh)
            check(len(steps) > 4 and steps == sorted(steps), steps)
            check("holdout_loss" in fresh.Tags()["scalars"], fresh.Tags())
            evaluations = [(e.step, e.value) for e in fresh.Scalars("evaluations")]
            check([n for _, n in evaluations] == list(range(1, len(evaluations) + 1)), evaluations)


def test_the_folder_and_the_history_agree():
    with tempfile.TemporaryDirectory() as folder:
        options = ("--tensorboard_dir", folder, "--max_jobs_kept", "1")
        with Service(*options) as server:
            server.put("/v1/corpora/text", zipf_text(200000))
            ids = []
            for model in ("one", "two"):
                ids.append(server.submit("text", model, dim=8, progress_interval=0.01, holdout=0.2))
                server.wait(ids[-1], "succeeded")
            place = os.path.join(folder, "two", ids[1])
            (name,) = event_files(place)
            with open(name, "rb") as file:
                check_same(scalars(file.read(), os.path.basename(name)),
                           numbers_of(history(server, ids[1])))
            # the first job is forgotten, and takes its folder along
            wait_until(lambda: not os.path.exists(os.path.join(folder, "one")), lambda: "stays")
            answer = expect(server.get("/v1/models/one/events.tfevents"), 404)
            check("max_jobs_kept" in answer.json["error"]["message"], answer)


def test_a_folder_that_cannot_be_written():
    with tempfile.TemporaryDirectory() as folder:
        block = os.path.join(folder, "file")
        open(block, "w").close()
        with Service("--tensorboard_dir", block) as server:
            server.put("/v1/corpora/text", zipf_text(100000))
            server.wait(server.submit("text", "made", dim=8, progress_interval=0.01), "succeeded")
            told = [line for line in server.lines if "is not shown to TensorBoard" in line]
            check(len(told) == 1 and block in told[0], told)


def test_command_line():
    with tempfile.TemporaryDirectory() as folder:
        text, board = os.path.join(folder, "text"), os.path.join(folder, "board")
        with open(text, "w") as file:
            file.write(zipf_text(1000000))
        line = [VECMILL, "train", text, "--output", os.path.join(folder, "made"), "--dim", "32",
                "--epochs", "40", "--threads", "1", "--progress_interval", "0.02", "--progress",
                "json", "--checkpoint_interval", "0.1", "--tensorboard", board]
        first = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_until(lambda: event_files(board), lambda: "no file")
        (name,) = event_files(board)
        place = os.path.dirname(name)
        check(re.fullmatch(r"made-\d{8}-\d{6}", os.path.relpath(place, board)), name)
        wait_until(lambda: len(watch(place).Tags()["scalars"]) > 5
                   and steps_of(watch(place))[-1] > 0, lambda: "no scalars")
        first.send_signal(signal.SIGKILL)
        first.communicate()
        with open(name, "ab") as file:
            file.write(b"torn")
        second = subprocess.Popen(line + ["--resume"], stdout=subprocess.PIPE, text=True)
        told = [json.loads(row) for row in second.stdout]
        check(second.wait() == 0, "exit code")
        check(event_files(board) == [name], event_files(board))
        steps = steps_of(watch(place))
        check(steps == sorted(steps), steps)
        check(steps[-1] == max(row.get("step", 0) for row in told), steps[-1], told[-1])
        # another one has a folder of its own, and a folder that cannot be made is told at once
        line[line.index("--epochs") + 1] = "1"
        subprocess.run(line, stdout=subprocess.DEVNULL, check=True)
        check(len(event_files(board)) == 2, event_files(board))
        line[line.index(board)] = os.path.join(text, "below")
        failed = subprocess.run(line, capture_output=True, text=True)
        check(failed.returncode == 1 and "cannot" in failed.stderr, failed)
        check(text in failed.stderr, failed)


if __name__ == "__main__":
    sys.exit(
        run_tests(
            [
                test_downloads,
                test_the_folder_and_the_history_agree,
                test_a_folder_that_is_watched,
                test_a_folder_that_cannot_be_written,
                test_command_line,
            ]
        )
    )
