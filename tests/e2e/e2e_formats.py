#!/usr/bin/env python3
"""Exported files as other programs read them: NumPy and gensim load what vecmill wrote and must see
the same numbers, neighbours and scores. VECMILL names the program. Without gensim it fails,
unless TEST_OFFLINE is set: then its checks are left out, loudly.
"""

import gzip
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import service  # forgets the settings in the environment

try:
    import numpy
except ImportError:
    numpy = None
try:
    import gensim
except ImportError:
    gensim = None

DIM = 24
CHECKS = 0


def check(condition, what):
    global CHECKS
    CHECKS += 1
    if not condition:
        raise SystemExit("FAILED: " + what)


def vecmill(*arguments):
    done = subprocess.run(
        [os.environ["VECMILL"], *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
    )
    check(
        done.returncode == 0,
        "vecmill %s: %s" % (" ".join(arguments), done.stderr.decode(errors="replace")),
    )
    return done.stdout.decode()


def corpus_write(path):
    """Sentences on ten topics of thirty words, some not ASCII, with frequent words in between."""
    rng = random.Random(11)
    topics = [
        [
            "%s%d%s"
            % ("tuvwxyz"[t % 7], t * 100 + i, "é" if i % 9 == 0 else "я" if i % 9 == 1 else "")
            for i in range(30)
        ]
        for t in range(10)
    ]
    common = ["the", "of", "and", "日本", "naïve"]
    with open(path, "w", encoding="utf-8") as out:
        for _ in range(8000):
            topic = rng.choice(topics)
            out.write(
                " ".join(
                    (
                        rng.choice(common)
                        if rng.random() < 0.3
                        else topic[min(29, int(rng.expovariate(0.15)))]
                    )
                    for _ in range(14)
                )
                + "\n"
            )


def text_rows(text):
    """Our own reader: (words, rows) of word2vec's text format."""
    lines = text.decode().split("\n")
    rows, dim = map(int, lines[0].split(" "))
    check(len(lines) == rows + 2 and lines[-1] == "", "vectors.txt: %d words and a header" % rows)
    words, values = [], []
    for line in lines[1:-1]:
        fields = line.split(" ")
        check(len(fields) == dim + 1, "vectors.txt: %d values" % dim)
        words.append(fields[0])
        values.append(struct.pack("<%df" % dim, *map(float, fields[1:])))
    return words, values


def check_plain(folder):
    """Needs nothing but Python: all formats hold the same bits."""

    def content(name):
        with open(os.path.join(folder, name), "rb") as file:
            return file.read()

    words, rows = text_rows(content("vectors.txt"))
    check(len(set(words)) == len(words) > 200, "words differ")
    binary = content("vectors.bin")
    expected = b"%d %d\n" % (len(words), DIM) + b"".join(
        w.encode() + b" " + r + b"\n" for w, r in zip(words, rows)
    )
    check(binary == expected, "vectors.bin holds the numbers of vectors.txt")
    for name in ("vectors.txt", "vectors.bin"):
        check(
            gzip.decompress(content(name + ".gz")) == content(name), name + ".gz unpacks to " + name
        )
    check(content("vectors.npy").endswith(b"".join(rows)), "vectors.npy holds the numbers")
    tensors = content("model.safetensors")
    (size,) = struct.unpack_from("<Q", tensors)
    header = json.loads(tensors[8 : 8 + size])
    check(
        header["embeddings"]
        == {"dtype": "F32", "shape": [len(words), DIM], "data_offsets": [0, len(words) * DIM * 4]},
        "safetensors' header",
    )
    check(
        tensors[8 + size : 8 + size + len(words) * DIM * 4] == b"".join(rows),
        "safetensors hold the numbers",
    )
    check(
        max(t["data_offsets"][1] for n, t in header.items() if n != "__metadata__")
        == len(tensors) - 8 - size,
        "safetensors: no byte too many",
    )
    labels = content("metadata.tsv").decode().split("\n")
    check(labels == words + [""], "metadata.tsv names the rows")
    numbers = [line.split("\t") for line in content("tensors.tsv").decode().split("\n")[:-1]]
    check(
        [struct.pack("<%df" % DIM, *map(float, n)) for n in numbers] == rows,
        "tensors.tsv holds the numbers",
    )
    counts = [line.split("\t") for line in content("vocab.tsv").decode().split("\n")[:-1]]
    check([c[0] for c in counts] == words, "vocab.tsv names the words")
    check(
        sorted((int(c[1]) for c in counts), reverse=True) == [int(c[1]) for c in counts],
        "vocab.tsv: falling counts",
    )
    return words


def check_numpy(folder, words):
    matrix = numpy.load(os.path.join(folder, "vectors.npy"))
    check(
        matrix.shape == (len(words), DIM) and matrix.dtype == numpy.float32,
        "numpy loads vectors.npy",
    )
    tsv = numpy.loadtxt(
        os.path.join(folder, "tensors.tsv"), dtype=numpy.float32, delimiter="\t", ndmin=2
    )
    check(numpy.array_equal(tsv, matrix), "numpy reads tensors.tsv to the bit")
    mapped = numpy.load(os.path.join(folder, "vectors.npy"), mmap_mode="r")
    check(numpy.array_equal(mapped, matrix), "numpy maps vectors.npy")
    return matrix


def check_order(ours, theirs, what):
    """The same words with the same scores; words whose scores are within rounding may change
    places."""
    check(len(ours) == len(theirs) > 0, what + ": as many")
    scores = dict(theirs)
    for place, (word, score) in enumerate(ours):
        check(abs(score - theirs[place][1]) < 1e-4, "%s: score of place %d" % (what, place))
        check(
            word == theirs[place][0]
            or abs(scores.get(word, theirs[-1][1]) - theirs[place][1]) < 2e-6,
            "%s: place %d is %s, not %s" % (what, place, word, theirs[place][0]),
        )


def neighbours(text):
    """word TAB score lines of `vecmill nearest` and `vecmill analogy`."""
    return [
        (line.split("\t")[0], float(line.split("\t")[1]))
        for line in text.split("\n")
        if "\t" in line
    ]


def check_gensim(model, folder, words, matrix):
    from gensim.models import KeyedVectors

    for name in ("vectors.txt", "vectors.bin", "vectors.txt.gz", "vectors.bin.gz"):
        vectors = KeyedVectors.load_word2vec_format(
            os.path.join(folder, name), binary=".bin" in name
        )
        check(vectors.index_to_key == words, "gensim reads the words of " + name)
        check(numpy.array_equal(vectors.vectors, matrix), "gensim reads the numbers of " + name)
    for word in words[:5] + words[100:110]:
        check_order(
            neighbours(vecmill("nearest", model, word, "--k", "12")),
            vectors.most_similar(word, topn=12),
            "nearest to " + word,
        )
    rng = random.Random(5)
    for _ in range(6):
        a, b, c = rng.sample(words, 3)
        check_order(
            neighbours(vecmill("analogy", model, a, b, c, "--k", "9")),
            vectors.most_similar(positive=[b, c], negative=[a], topn=9),
            "analogy %s %s %s" % (a, b, c),
        )
    check_evaluation(model, folder, vectors, words, rng)
    back = os.path.join(folder, "gensim.bin")
    vectors.save_word2vec_format(back, binary=True)
    vecmill("import", back, "--output", os.path.join(folder, "back"))
    vecmill(
        "export",
        os.path.join(folder, "back"),
        "--output",
        os.path.join(folder, "back.npy"),
        "--format",
        "vectors.npy",
    )
    check(
        numpy.array_equal(numpy.load(os.path.join(folder, "back.npy")), matrix),
        "what gensim writes is read back",
    )


def check_evaluation(model, folder, vectors, words, rng):
    questions, pairs = os.path.join(folder, "questions.txt"), os.path.join(folder, "pairs.tsv")
    with open(questions, "w", encoding="utf-8") as out:
        for section in ("family", "gram1-x", "rest"):
            out.write(": %s\n" % section)
            for _ in range(300):
                a, b, c = rng.sample(words, 3)
                best = vectors.most_similar(
                    positive=[b, c], negative=[a], topn=2, restrict_vocab=150
                )
                out.write("%s %s %s %s\n" % (a, b, c, rng.choice(best)[0]))
    ours = json.loads(vecmill("eval", model, questions, "--among", "150", "--json"))
    _, sections = vectors.evaluate_word_analogies(
        questions, restrict_vocab=150, case_insensitive=False
    )
    for mine, theirs in zip(ours["sections"], sections):
        correct, wrong = len(theirs["correct"]), len(theirs["incorrect"])
        check(mine["name"] == theirs["section"], "sections in order")
        check(mine["answered"] == correct + wrong > 0, "questions answered in " + mine["name"])
        # Two candidates within rounding of each other may swap.
        check(
            abs(mine["correct"] - correct) <= 1,
            "gensim counts %d right in %s, not %d" % (correct, mine["name"], mine["correct"]),
        )
    with open(pairs, "w", encoding="utf-8") as out:
        for i in range(400):
            a, b = rng.sample(words, 2)
            out.write("%s\t%s\t%d\n" % (a, b if i % 20 else "absent", rng.randrange(10)))
    ours = json.loads(vecmill("eval", model, pairs, "--json"))
    pearson, spearman, missing = vectors.evaluate_word_pairs(
        pairs, restrict_vocab=len(words), case_insensitive=False
    )
    check(abs(ours["pearson"] - pearson[0]) < 1e-6, "Pearson as gensim has it")
    check(abs(ours["spearman"] - spearman[0]) < 1e-4, "Spearman as gensim has it")
    check(ours["pairs"] == 400 and ours["found"] == 380 and abs(missing - 5) < 1e-9, "pairs found")


def main():
    folder = tempfile.mkdtemp(prefix="vecmill-formats-")
    try:
        model, corpus = os.path.join(folder, "model"), os.path.join(folder, "corpus.txt")
        corpus_write(corpus)
        vecmill(
            "train",
            corpus,
            "--output",
            model,
            "--dim",
            str(DIM),
            "--epochs",
            "3",
            "--threads",
            "1",
            "--shards",
            "3",
            "--progress",
            "none",
        )
        for name in (
            "vectors.txt",
            "vectors.bin",
            "vectors.txt.gz",
            "vectors.bin.gz",
            "vectors.npy",
            "model.safetensors",
            "vocab.tsv",
            "tensors.tsv",
            "metadata.tsv",
            "projector_config.pbtxt",
        ):
            vecmill("export", model, "--output", os.path.join(folder, name))
        words = check_plain(folder)
        if numpy is None:
            print("SKIP: numpy is not here, so NUMPY AND GENSIM WERE NOT CHECKED", flush=True)
        else:
            matrix = check_numpy(folder, words)
            if gensim is None:
                check(
                    os.environ.get("TEST_OFFLINE"),
                    "gensim is not here: scripts/test-venv installs it",
                )
                print("SKIP: gensim is not here, so GENSIM WAS NOT CHECKED", flush=True)
            else:
                check_gensim(model, folder, words, matrix)
        print("e2e_formats: %d checks passed" % CHECKS)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    if "VECMILL" not in os.environ:
        sys.exit("VECMILL must name the program")
    main()
