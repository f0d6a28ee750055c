#!/usr/bin/env python3
"""Trains the same corpus with vecmill and its peers, in turn, and prints medians and ratios.

    bench/compare.py CORPUS [--vecmill build/release/vecmill] [--threads 2] [--dim 100] [--epochs 1] [--runs 3]
                     [--word2vec PATH] [--pword2vec PATH] [--fasttext PATH] [--no-gensim]

Each peer gets the same corpus, dim, window 5, 5 negatives, min count 5, subsampling 1e-3, epochs and threads. vecmill runs twice: `engine` (nce,
log_uniform, 16 shared negatives, sample 1e-3) and `default` settings. The time is that of the whole process, reading the text and writing vectors
included; `loop` is vecmill's training loop alone. Runs are interleaved, A B C A B C, so that a machine whose speed drifts treats all alike.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

GENSIM = """
import sys
from gensim.models import Word2Vec
import gensim
source, out, dim, epochs, threads = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
model = Word2Vec(corpus_file=source, vector_size=dim, window=5, negative=5, min_count=5, sample=1e-3, epochs=epochs, sg=1, workers=threads, seed=1)
model.wv.save_word2vec_format(out, binary=True)
"""


def lines_for_gensim(corpus, folder):
    """gensim cuts sentences at 10,000 words in silence: give it lines of 1,000, as word2vec.c reads them."""
    path = os.path.join(folder, "lines.txt")
    with open(corpus, encoding="utf-8", errors="surrogateescape") as source, open(
        path, "w", encoding="utf-8", errors="surrogateescape"
    ) as out:
        for line in source:
            words = line.split()
            for at in range(0, len(words), 1000):
                out.write(" ".join(words[at : at + 1000]) + "\n")
    return path


def commands(options, folder):
    dim, epochs, threads = str(options.dim), str(options.epochs), str(options.threads)

    def out(name):
        return os.path.join(folder, name)

    common = ["--dim", dim, "--epochs", epochs, "--threads", threads, "--progress", "json", "--checkpoint_interval", "0"]
    engine = ["--negative", "16", "--shared_negatives", "16", "--sample", "1e-3"]
    rows = {
        "vecmill engine": [options.vecmill, "train", options.corpus, "--output", out("engine"), *common, *engine],
        "vecmill default": [options.vecmill, "train", options.corpus, "--output", out("default"), *common],
    }
    fasttext = options.fasttext or shutil.which("fasttext")
    if fasttext:
        rows["fasttext"] = [fasttext, "skipgram", "-input", options.corpus, "-output", out("ft"), "-dim", dim, "-ws", "5", "-neg", "5",
                            "-epoch", epochs, "-minCount", "5", "-minn", "0", "-maxn", "0", "-t", "1e-3", "-thread", threads]
    for name, path in (("word2vec", options.word2vec), ("pword2vec", options.pword2vec)):
        if path:
            flag = "-iter"
            rows[name] = [path, "-train", options.corpus, "-output", out(name + ".bin"), "-size", dim, "-window", "5", "-negative", "5", "-hs", "0",
                          "-sample", "1e-3", "-min-count", "5", flag, epochs, "-cbow", "0", "-threads", threads, "-binary", "1"]
    if not options.no_gensim:
        python = next((p for p in (sys.executable, "/usr/bin/python3")
                       if subprocess.run([p, "-c", "import gensim"], capture_output=True).returncode == 0), None)
        if python:
            rows["gensim"] = [python, "-c", GENSIM, lines_for_gensim(options.corpus, folder), out("gs.bin"), dim, epochs, threads]
    return rows


def timed(command):
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.monotonic() - start
    if done.returncode:
        sys.exit(f"{command[0]} failed with {done.returncode}: {done.stderr[-500:]}")
    loop = None
    for line in done.stdout.splitlines():
        if line.startswith("{") and '"done"' in line:
            loop = json.loads(line)["seconds"]
    return seconds, loop


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus")
    parser.add_argument("--vecmill", default="build/release/vecmill")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--word2vec")
    parser.add_argument("--pword2vec")
    parser.add_argument("--fasttext")
    parser.add_argument("--no-gensim", action="store_true")
    options = parser.parse_args()
    with open("/proc/cpuinfo") as info:
        model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "?")
    print(f"{model}, {os.cpu_count()} cores; {options.threads} threads, dim {options.dim}, {options.epochs} epochs of {options.corpus}")
    with tempfile.TemporaryDirectory() as folder:
        rows = commands(options, folder)
        times = {name: [] for name in rows}
        for _ in range(options.runs):
            for name, command in rows.items():
                shutil.rmtree(os.path.join(folder, name.split()[-1]), ignore_errors=True)
                times[name].append(timed(command))
    base = [seconds for seconds, _ in times["vecmill engine"]]
    default = [seconds for seconds, _ in times["vecmill default"]]
    print(f"{'program':18} {'whole s':>9} {'loop s':>8} {'/ engine':>9} {'/ default':>9}")
    for name, runs in times.items():
        whole = [seconds for seconds, _ in runs]
        loop = [seconds for _, seconds in runs if seconds is not None]
        ratios = [statistics.median(w / b for w, b in zip(whole, other)) for other in (base, default)]
        shown = f"{statistics.median(loop):8.2f}" if loop else " " * 8
        print(f"{name:18} {statistics.median(whole):9.2f} {shown} {ratios[0]:9.2f} {ratios[1]:9.2f}")


if __name__ == "__main__":
    main()
