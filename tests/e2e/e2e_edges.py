#!/usr/bin/env python3
"""Lists of edges as corpora: uploaded as they are, over HTTP and on the command line, compressed or
not; what is no edge is named. VECMILL names the program."""

import gzip
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from service import Service, check, expect, run_tests

PROGRAM = os.environ["VECMILL"]


def ring_of_cliques(separator, cliques=6, members=8):
    """Each member knows its clique; one edge leads to the next clique."""
    draw, edges = random.Random(3), []
    for clique in range(cliques):
        for a in range(members):
            edges += [("c%dm%d" % (clique, a), "c%dm%d" % (clique, b)) for b in range(a)]
        edges.append(("c%dm0" % clique, "c%dm1" % ((clique + 1) % cliques)))
    draw.shuffle(edges)
    return "".join(separator.join(edge) + "\n" for edge in edges).encode()


def neighbours_are_of_the_clique(s, model):
    for clique in range(6):
        body = {"queries": [{"word": "c%dm%d" % (clique, m)} for m in range(2, 8)], "k": 3}
        a = expect(s.post("/v1/models/%s/neighbors" % model, body), 200)
        found = [n["word"] for row in a.json["results"] for n in row["neighbors"]]
        right = sum(word.startswith("c%dm" % clique) for word in found)
        check(right >= 0.9 * len(found), clique, found)


def edges_of_every_make():
    settings = dict(format="edges", dim=16, threads=1, epochs=5)
    with Service() as s:
        for name, separator, headers in (
            ("spaces", " ", {"Content-Type": "text/plain"}),
            ("tabs", "\t", {}),
            ("commas", ",", {"Content-Type": "text/plain"}),
            ("zipped", " ", {"Content-Encoding": "gzip", "Content-Type": "text/plain"}),
        ):
            text = b"# who knows whom\n" + ring_of_cliques(separator)
            body = gzip.compress(text) if name == "zipped" else text
            expect(s.put("/v1/corpora/" + name, body, headers=headers), 201)
            job = s.wait(s.submit(name, name, **settings), "succeeded")
            check(job["words"] == 48 * 40 * 10 * 5 == job["words_total"], job)
            check(job["corpus_report"]["vocabulary"] == 48, job["corpus_report"])
            card = s.get("/v1/models/" + name).json
            check(card["settings"]["format"] == "edges", card["settings"])
        neighbours_are_of_the_clique(s, "spaces")
        bodies = [
            expect(s.get("/v1/models/%s/files/model.safetensors" % name), 200).body
            for name in ("spaces", "tabs", "zipped")
        ]
        check(bodies[0] == bodies[1] == bodies[2], "the models differ")
        where = "/v1/models/direct/train?format=edges&dim=8&threads=1&walk_q=0.5"
        a = expect(s.post(where, ring_of_cliques(" "), headers={"Content-Type": "text/plain"}), 202)
        s.wait(a.json["id"], "succeeded")


def what_is_no_edge():
    with Service() as s:
        text = {"Content-Type": "text/plain"}
        for body, says in (
            (b"a b\nb c -2\n", "line 2 of the edges has the weight '-2'"),
            (b"a b\nalone\n", "line 2 of the edges is no edge"),
            (b"a a\n", "no edge between two nodes"),
        ):
            expect(s.put("/v1/corpora/c", body, headers=text), 201)
            job = s.wait(s.submit("c", "m", format="edges"), "failed")
            check(says in job["error"]["detail"] and job["error"]["key"] == "format", job["error"])
        for settings, key in (({"holdout": 0.1}, "holdout"), ({"max_vocab": 5}, "max_vocab")):
            body = {"corpus": "c", "model": "m", "settings": dict(settings, format="edges")}
            expect(s.post("/v1/jobs", body), 422, key)
        a = expect(s.post("/v1/plan", {"corpus": "c", "settings": {"format": "edges"}}), 422)
        check("no plan for format = edges" in a.json["detail"], a)
        ndjson = {"Content-Type": "application/x-ndjson"}
        expect(s.put("/v1/corpora/n", b'{"text":"a b"}\n', headers=ndjson), 201)
        body = {"corpus": "n", "model": "m", "settings": {"format": "edges"}}
        expect(s.post("/v1/jobs", body), 422, "format")


def on_the_command_line():
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "g"), "wb") as file:
            file.write(ring_of_cliques(" ") + b"c0m0 c0m0\nc0m1 c0m0\n")
        run = lambda *words: subprocess.run(
            [PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder
        )
        done = run("train", "g", "--format", "edges", "--output", "m", "--progress", "none")
        check(done.returncode == 0, done)
        check(b"1 lead from a node to itself" in done.stderr, done.stderr)
        check(b"1 were there before" in done.stderr, done.stderr)
        done = run("nearest", "m", "c2m3", "--k", "3")
        check(done.returncode == 0 and done.stdout.count(b"c2m") >= 3, done)


if __name__ == "__main__":
    sys.exit(run_tests([edges_of_every_make, what_is_no_edge, on_the_command_line]))
