"""Programs that run in turn, what each of them took, and tables of it: what bench/run is made
of."""

import collections
import json
import math
import multiprocessing
import os
import random
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
GENSIM = """
import sys, time, json
from gensim.models import Word2Vec
from gensim.models.word2vec import LineSentence
source, out, mode = sys.argv[1], sys.argv[2], sys.argv[6]
dim, epochs, threads = map(int, sys.argv[3:6])
model = Word2Vec(vector_size=dim, window=5, negative=5, min_count=5, sample=1e-3, epochs=epochs,
                 sg=1, workers=threads, seed=1)
text = {"corpus_file": source} if mode == "file" else {"corpus_iterable": LineSentence(source)}
model.build_vocab(**text)
start = time.monotonic()
model.train(**text, total_examples=model.corpus_count, total_words=model.corpus_total_words,
            epochs=epochs)
print(json.dumps({"loop": time.monotonic() - start}))
model.wv.save_word2vec_format(out, binary=True)
"""


def engine(noise=16):
    """Settings for speed like for like: every noise word of a block counts once, as in an NCE
    batch, and serves two blocks."""
    return [
        "--objective",
        "nce",
        "--sampler",
        "log_uniform",
        "--negative",
        str(noise),
        "--shared_negatives",
        str(noise),
        "--sample",
        "1e-3",
        "--shared_blocks",
        "2",
        "--private_rows",
        "128",
        "--noise_power",
        "0",
        "--unique",
        "false",
    ]


# ---- one run of one program ----------------------------------------------------------------------


class Run:
    """What one process took: wall seconds, seconds of its training loop (None if it does not
    tell), peak memory."""

    def __init__(self, whole, loop, peak, output):
        self.whole, self.loop, self.peak, self.output = whole, loop, peak, output


def loop_seconds(output, progress):
    """Seconds of the training loop as the program tells them; progress: [(seconds, percent)] of
    its progress lines."""
    found = re.search(r"TRAINWALL ([\d.]+) s", output)
    if found:
        return float(found.group(1))
    for line in output.splitlines():
        if line.startswith("{"):
            event = json.loads(line)
            if "loop" in event:
                return event["loop"]
            if event.get("phase") == "publishing":
                return event["seconds"]
    if len(progress) > 1:
        (first, low), (last, high) = progress[0], progress[-1]
        if high - low > 20:
            return (last - first) / (high - low) * 100
    return None


def run_program(command):
    """Runs a command; raises RuntimeError with the end of its output when it fails."""
    start = time.monotonic()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    text, progress = [], []
    while chunk := os.read(process.stdout.fileno(), 1 << 16):
        seen = chunk.decode(errors="replace")
        percent = re.findall(r"Progress:\s*([\d.]+)%", seen)
        if percent:
            progress.append((time.monotonic() - start, float(percent[-1])))
        else:
            text.append(seen)
    _, status, usage = os.wait4(process.pid, 0)
    whole = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    output = "".join(text)
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {output[-300:].strip()}")
    return Run(whole, loop_seconds(output, progress), usage.ru_maxrss * 1024, output)


def apart(function, *arguments):
    """Calls the function in a process of its own. The kernel counts the memory of the process
    that starts a program as that program's too: this one must stay small."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(function, arguments)


class Bench:
    """The options, the corpus and the places of things; runs programs in turn and keeps what they
    took."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.corpus = apart(cut_corpus, options.corpus, folder) if options.quick else options.corpus
        self.corpus_facts = None
        self.lines = None
        self.raw = []
        with open(
            self.corpus, "rb"
        ) as text:  # into the page cache: the first program shall not pay for the disk
            while text.read(1 << 20):
                pass

    def facts(self):
        if self.corpus_facts is None:
            self.corpus_facts = apart(CorpusFacts, self.corpus)
        return self.corpus_facts

    def out(self, name):
        return os.path.join(self.folder, "out-" + re.sub(r"\W+", "-", name))

    def interleave(self, part, programs):
        """programs: name -> command. Returns name -> [Run], one for each round, without those that
        failed."""
        for name, command in programs.items():
            print(f"    {name}: {shown_command(command, self.folder)}")
        taken = {name: [] for name in programs}
        for _ in range(self.options.runs):
            for name in list(taken):
                try:
                    taken[name].append(run_program(programs[name]))
                except (OSError, RuntimeError) as failure:
                    print(f"    {name} left out: {failure}")
                    del taken[name]
                for left in os.listdir(self.folder):
                    if left.startswith("out-"):
                        path = os.path.join(self.folder, left)
                        shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
        for name, runs in taken.items():
            self.raw.append(
                {
                    "part": part,
                    "program": name,
                    "command": programs[name],
                    "whole": [run.whole for run in runs],
                    "loop": [run.loop for run in runs],
                    "peak": [run.peak for run in runs],
                }
            )
        return taken

    # ---- commands ----

    def vecmill(self, name, *settings, dim=100, threads=None, epochs=None):
        return [
            self.options.vecmill,
            "train",
            self.corpus,
            "--output",
            self.out(name),
            "--progress",
            "json",
            "--checkpoint_interval",
            "0",
            "--dim",
            str(dim),
            "--epochs",
            str(epochs or self.options.epochs),
            "--min-count",  # as the others have them; auto would choose by the text
            "5",
            "--window",
            "5",
            "--sample",
            "1e-4",
            "--threads",
            str(threads or self.options.threads),
            *settings,
        ]

    def word2vec(self, path, name, dim, cbow=False):
        return [*self.pword2vec(path, name, dim), "-hs", "0", "-cbow", str(int(cbow))]

    def pword2vec(self, path, name, dim):
        return [
            path,
            "-train",
            self.corpus,
            "-output",
            self.out(name),
            "-size",
            str(dim),
            "-window",
            "5",
            "-negative",
            "5",
            "-sample",
            "1e-3",
            "-min-count",
            "5",
            "-iter",
            str(self.options.epochs),
            "-threads",
            str(self.options.threads),
            "-binary",
            "1",
            "-debug",
            "2",
        ]

    def fasttext(self, path, name, dim, *more, epochs=None):
        return [
            path,
            "skipgram",
            "-input",
            self.corpus,
            "-output",
            self.out(name),
            "-dim",
            str(dim),
            "-ws",
            "5",
            "-neg",
            "5",
            "-minCount",
            "5",
            "-minn",
            "0",
            "-maxn",
            "0",
            "-epoch",
            str(epochs or self.options.epochs),
            "-thread",
            str(self.options.threads),
            *more,
        ]

    def gensim(self, python, name, dim, mode):
        if self.lines is None:
            self.lines = apart(lines_for_gensim, self.corpus, self.folder)
        return [
            python,
            "-c",
            GENSIM,
            self.lines,
            self.out(name),
            str(dim),
            str(self.options.epochs),
            str(self.options.threads),
            mode,
        ]

    def prototype(self, program, name, dim, noise=16):
        return [
            *program,
            "-train",
            self.corpus,
            "-output",
            self.out(name),
            "-size",
            str(dim),
            "-mode",
            "4",
            "-obj",
            "2",
            "-sampler",
            "1",
            "-bias",
            "2",
            "-K",
            str(noise),
            "-T",
            "16",
            "-threads",
            str(self.options.threads),
            "-iter",
            str(self.options.epochs),
        ]

    def prototypes(self, dim):
        for text in self.options.prototype:
            built_for, _, command = text.rpartition("=")
            program = shlex.split(command)
            if int(built_for or 100) == dim:
                yield os.path.basename(program[0]), program

    def fasttexts(self):
        found = shutil.which("fasttext")
        return ([("fasttext", found)] if found else []) + [
            (f"fasttext {os.path.basename(path)}", path) for path in self.options.fasttext
        ]

    def compiled(self, source, *more):
        """A program of this folder, built for this machine."""
        target = os.path.join(self.folder, source.removesuffix(".c"))
        flags = ["-O3", "-march=native", "-pthread", "-D_GNU_SOURCE", "-I", ROOT]
        subprocess.run(
            [
                os.environ.get("CC", "cc"),
                *flags,
                os.path.join(HERE, source),
                *more,
                "-lm",
                "-o",
                target,
            ],
            check=True,
        )
        return target


# ---- corpora -------------------------------------------------------------------------------------


def cut_corpus(path, folder, most=3_000_000):
    """The first megabytes, up to a blank, for --quick."""
    target = os.path.join(folder, "quick.txt")
    with open(path, "rb") as source, open(target, "wb") as out:
        text = source.read(most)
        out.write(
            text[: max(text.rfind(b" "), text.rfind(b"\n")) + 1] if len(text) == most else text
        )
    return target


def lines_for_gensim(corpus, folder):
    """gensim cuts sentences at 10,000 words in silence: give it lines of 1,000, as word2vec.c
    reads them."""
    path = os.path.join(folder, "lines.txt")
    with open(corpus, encoding="utf-8", errors="surrogateescape") as source, open(
        path, "w", encoding="utf-8", errors="surrogateescape"
    ) as out:
        for line in source:
            words = line.split()
            for at in range(0, len(words), 1000):
                out.write(" ".join(words[at : at + 1000]) + "\n")
    return path


class CorpusFacts:
    """What the speeds are counted in: words in the vocabulary, words kept by subsampling, contexts
    of a kept word."""

    def __init__(self, path, min_count=5, sample=1e-3, window=5):
        counts = collections.Counter()
        with open(path, "rb") as text:
            lines = text.read().split(b"\n")
        for line in lines:
            counts.update(line.split())
        counts = {word: count for word, count in counts.items() if count >= min_count}
        self.vocabulary, self.words = len(counts), sum(counts.values())
        keep = {
            word: keep_probability(count / self.words / sample) for word, count in counts.items()
        }
        self.kept = sum(counts[word] * keep[word] for word in counts)
        # Both programs and this draw the window from 1..window; sentence ends cut it short.
        coin, contexts, kept, budget = random.Random(1), 0.0, 0, 3_000_000
        for line in lines:
            words = line.split()[:budget]
            n = sum(coin.random() < keep.get(word, 0) for word in words)
            contexts += (
                sum(
                    2 * (b * n - b * (b + 1) / 2) if n > b else n * (n - 1)
                    for b in range(1, window + 1)
                )
                / window
            )
            kept += n
            budget -= len(words)
        self.contexts = contexts / kept if kept else 0


def keep_probability(f):
    return min(1.0, (math.sqrt(f) + 1) / f) if f > 0 else 1.0


# ---- tables --------------------------------------------------------------------------------------


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def paired(runs, others, field):
    """Median over the rounds of runs / others."""
    pairs = [(getattr(a, field), getattr(b, field)) for a, b in zip(runs, others)]
    return median([a / b for a, b in pairs if a is not None and b])


def number(value, digits=2):
    return "" if value is None else f"{value:.{digits}f}"


def table(columns, rows):
    rows = [[str(cell) for cell in row] for row in rows]
    print("\n| " + " | ".join(columns) + " |\n| " + " | ".join("---" for _ in columns) + " |")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def speed_table(bench, taken, bases, epochs=None):
    """Seconds, speed, and how many times as long as each of bases it took, whole process and
    loop."""
    words = bench.facts().words * (epochs or bench.options.epochs)
    bases = [base for base in bases if taken.get(base)]
    columns = ["program", "whole s", "loop s", "words/s, whole", "words/s, loop", "peak MB"]
    columns += [f"{field} / {base}" for base in bases for field in ("whole", "loop")]
    rows = []
    for name, runs in taken.items():
        whole, loop = median([run.whole for run in runs]), median([run.loop for run in runs])
        peak = median([run.peak for run in runs])
        row = [
            name,
            number(whole),
            number(loop, 3),
            f"{words / whole:,.0f}",
            f"{words / loop:,.0f}" if loop else "",
            number(peak / 1e6, 0),
        ]
        row += [
            number(paired(runs, taken[base], field))
            for base in bases
            for field in ("whole", "loop")
        ]
        rows.append(row)
    table(columns, rows)


def shown_command(command, folder):
    words = ["'...'" if word == GENSIM else word.replace(folder, "$TMP") for word in command]
    return " ".join(
        word if word == "'...'" else shlex.quote(word).replace("'$TMP", "'$TMP") for word in words
    )


def heading(part, text):
    print(f"\n## {part}: {text}\n")


# ---- parts ---------------------------------------------------------------------------------------
