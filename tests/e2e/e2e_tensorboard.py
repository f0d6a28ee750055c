#!/usr/bin/env python3
"""A job's event file as TensorBoard's own reader sees it: every number of the history, at its step.
VECMILL names the program."""

import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from service import Service, check, zipf_text
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


def main():
    with Service() as server:
        server.put("/v1/corpora/text", zipf_text(400000))
        job = server.submit("text", "made", dim=16, epochs=3, progress_interval=0.01)
        id = job if isinstance(job, str) else job["id"]
        server.wait(id, "succeeded")
        rows = server.get(f"/v1/jobs/{id}/history").json["data"]
        check(len(rows) >= 3, rows)
        found = download(server, f"/v1/jobs/{id}/events.tfevents")
        wanted = {}
        for row in rows:
            for name, value in row.items():
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    wanted.setdefault(name, []).append((row["step"], value))
        for name in ("step", "epochs", "words_total", "eta_seconds"):
            wanted.pop(name, None)
        check(set(found) == set(wanted), sorted(found), sorted(wanted))
        check({"loss", "learning_rate", "words_per_second", "epoch"} <= set(found), sorted(found))
        for name, (points, plugin) in found.items():
            check(plugin == "scalars", name, plugin)
            check([step for step, _ in points] == [step for step, _ in wanted[name]], name)
            for (_, value), (_, exact) in zip(points, wanted[name]):
                check(abs(value - exact) <= 1e-6 * max(1, abs(exact)), name, value, exact)
        few = download(server, f"/v1/jobs/{id}/events.tfevents?points=2")
        check(len(few["loss"][0]) <= 2, few["loss"])
        check(server.get("/v1/jobs/nothing/events.tfevents").status == 404)
    print("e2e_tensorboard: all checks passed")


if __name__ == "__main__":
    main()
