#!/usr/bin/env python3
"""The Python client of clients/python on a running server: every method of it, beside gensim where
gensim has it; odd words, big batches, uploads and event streams that are cut, a server that stops
and starts again, keys, TLS, Ctrl-C; and its types. VECMILL names the program.
"""

import gzip
import http.server
import importlib
import inspect
import io
import json
import math
import os
import pathlib
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.join(HERE, "..", "..", "clients", "python")
for folder in (PACKAGE, HERE, os.path.join(HERE, "..", "support")):
    sys.path.insert(0, folder)
import tools
from cutting_proxy import CuttingProxy
from keyed import Keyed, make_key
from e2e_tls import Secure
from service import PATIENCE, Service, check, run_tests, wait_until, zipf_text

np, pandas, gensim = tools.require("numpy", "pandas", "gensim.models")
tools.require("mypy", "ot", "scipy.stats", "setuptools", "tqdm")
gensim = sys.modules["gensim"]
import vecmill

DIM = 12
SENTENCES = [
    "the king and the queen rule the old land",
    "the queen and the king live in the castle",
    "a man and a woman walk the road to the castle",
    "the woman and the man sing for the king",
    "the royal family eats bread and cheese at noon",
    "a cabbage grows in the garden of the queen",
]
ODD = [
    "naïve",
    "日本語",
    "😀",
    "a/b",
    "50%",
    "c#",
    "what?",
    'say"',
    "back\\slash",
    "a&b=c",
    "+",
    ".",
]
SMALL = {"dim": 8, "min_count": 1, "epochs": 1, "threads": 1, "progress": False}


class Ready:
    def __init__(self):
        self.service = Service("--max-batch", "40", "--max-json-bytes", "8192")
        self.client = vecmill.Client("http://127.0.0.1:%d" % self.service.port, timeout=PATIENCE)
        text = SENTENCES * 200 + [" ".join(ODD)] * 200
        self.model = self.client.train(text, model="en", **{**SMALL, "dim": DIM, "epochs": 2})
        zipf = zipf_text(300000, words=900).splitlines()
        self.big = self.client.train(zipf, model="big", **SMALL)


def near(found, wanted, *what):
    found, wanted = np.asarray(found, dtype=float), np.asarray(wanted, dtype=float)
    check(found.shape == wanted.shape, *what, found.shape, "instead of", wanted.shape)
    check(np.abs(found - wanted).max(initial=0) < 2e-5, *what, found, "instead of", wanted)


def raises(kind, part, function, *arguments, **options):
    try:
        found = function(*arguments, **options)
    except kind as error:
        check(part in str(error), "no %r in %s: %s" % (part, type(error), error))
        return error
    raise AssertionError("no error, but %r" % (found,))


# ---- corpora and training ----------------------------------------------------------------------


def trained(data, **options):
    """The text that the server stored of it."""
    model = READY.client.train(data, model="tried", **{**SMALL, **options})
    text = READY.client.corpus("tried").text()
    model.delete()
    return text


def test_what_is_a_corpus():
    text = "".join(line + "\n" for line in SENTENCES * 5)
    tokens = [line.split() for line in SENTENCES * 5]
    check(trained(text) == text and trained(text.encode()) == text, "a text")
    check(
        trained(io.StringIO(text)) == text and trained(io.BytesIO(text.encode())) == text, "files"
    )
    check(trained(SENTENCES * 5).split() == text.split(), "a list")
    check(trained(line for line in SENTENCES * 5).split() == text.split(), "a generator")
    check(trained(tokens).split() == text.split(), "lists of tokens")
    check(trained([tuple(line) for line in tokens]).split() == text.split(), "tuples")
    check(trained([np.array(line) for line in tokens]).split() == text.split(), "arrays")
    check(trained([[1, 2, 3], [2, np.int64(3), 1]] * 9).split()[:6] == list("123231"), "numbers")
    series = pandas.Series([*SENTENCES * 5, None, float("nan"), pandas.NA], dtype=object)
    check(trained(series).split() == text.split(), "a Series with what is missing")
    frame = pandas.DataFrame({"text": SENTENCES * 5, "n": 1})
    check(trained(frame, column="text").split() == text.split(), "a DataFrame")
    check(trained(frame["text"]).split() == text.split(), "its column")
    two = trained(["one two\nthree four", "five six"] * 9)
    check(len(two.splitlines()) == 27, "a line break within an item ends a sentence", two)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "text.txt"
        path.write_text(text)
        check(trained(path) == text and trained(str(path)) == text, "a path")
        with open(path) as file:
            check(trained(file) == text, "an open file")
        packed = pathlib.Path(folder) / "lines.jsonl.gz"
        lines = "".join(json.dumps({"text": line}) + "\n" for line in SENTENCES * 5)
        packed.write_bytes(gzip.compress(lines.encode()))
        check(trained(packed).split() == text.split(), "NDJSON, packed")
        raises(IsADirectoryError, "folder", trained, folder)
        raises(TypeError, "item 1 is a path", trained, ["a", path])
    raises(FileNotFoundError, "no file 'king.txt'", trained, "king.txt")
    raises(TypeError, "which column?", trained, frame)
    raises(TypeError, "column=", trained, SENTENCES, column="text")
    raises(TypeError, "item 1 is a float", trained, ["a", 2.5])
    raises(TypeError, "token 2.5", trained, [["a", 2.5]])
    raises(ValueError, "item 0", trained, ["half \ud83d of a pair"])
    raises(TypeError, "iterable", trained, 5)
    raises(TypeError, "name of the model", READY.client.train, SENTENCES)
    raises(vecmill.VecmillError, "empty", trained, [])
    check("tried" not in READY.client, "what was refused left a model")


def test_generator_is_streamed():
    """A body that does not end is refused at the limit: it is never held as a whole. What the
    caller's own generator raises comes out as it is."""
    drawn = 0

    def endless():
        nonlocal drawn
        while True:
            drawn += 1
            yield "the king and the queen rule the land " * 200

    with Service("--max-corpus-bytes", "5M") as service:
        client = vecmill.Client("http://127.0.0.1:%d" % service.port)
        error = raises(
            vecmill.TooLarge, "max_corpus_bytes", client.train, endless(), "x", progress=False
        )
        check(error.status == 413 and drawn < 20000, "drawn", drawn)

        def broken():
            yield from SENTENCES * 10000
            raise ZeroDivisionError("of the caller")

        raises(ZeroDivisionError, "of the caller", client.train, broken(), "x", progress=False)
        check(client.corpora() == [] and client.jobs() == [], "something was left behind")


def test_settings():
    error = raises(vecmill.Refused, "did you mean 'dim'", trained, SENTENCES, vector_size=5)
    check(error.param == "vector_size" and error.status == 422, error.param)
    raises(vecmill.Refused, "dim must be between", trained, SENTENCES, dim=0)
    raises(ValueError, "unknown setting 'nonsense'", trained, SENTENCES, nonsense=1)
    check(READY.client.settings()["dim"]["default"] == 100, "settings")
    READY.client.upload(SENTENCES * 5, "stored", progress=False)
    stored = READY.client.corpus("stored")
    job = READY.client.submit(
        corpus="stored",
        model="tried",
        settings={"dim": np.int64(5)},
        min_count=1,
        dynamic_window=False,
    )
    check(job.wait(progress=False).dim == 5, "settings as a dict")
    check(job.settings["dynamic_window"] is False and job.settings["min_count"] == 1, job.settings)
    raises(
        vecmill.Refused,
        "did you mean",
        READY.client.submit,
        corpus=stored,
        model="m",
        vector_size=3,
    )
    check(
        READY.client.submit(stored, "tried", min_count=1).wait(progress=False).dim == 100, "Corpus"
    )
    raises(vecmill.NotFound, "no corpus 'none'", READY.client.submit, corpus="none", model="m")
    plan = READY.client.plan(stored, dim=20, seconds=0)
    check(plan.trainable and plan["corpus"]["words"] > 0 and plan.curve(), plan)
    check("vocabulary" in str(plan) and "memory" in str(plan), str(plan))
    raises(vecmill.Refused, "did you mean 'dim'", READY.client.plan, "stored", vector_size=5)
    check(stored.set_questions("mine", "king queen 9\nking man 3\n")["name"] == "mine", "questions")
    check([row["name"] for row in stored.questions()] == ["mine"], stored.questions())
    check("stored" in repr(stored.refresh()), repr(stored))
    stored.delete()
    raises(vecmill.NotFound, "no corpus 'stored'", READY.client.corpus, "stored")
    check("stored" not in [corpus.name for corpus in READY.client.corpora()], "corpora")
    READY.client["tried"].delete()


def test_job():
    client = READY.client
    job = client.submit(SENTENCES * 50, "told", **SMALL)
    seen = []
    model = job.wait(progress=seen.append)
    check([e.id for e in seen] == sorted({e.id for e in seen}), "ids", seen)
    check(seen[-1].kind == "state" and seen[-1].data["state"] == "succeeded", seen[-1])
    check([e.id for e in job.events(last=seen[1].id)] == [e.id for e in seen[2:]], "behind the 2nd")
    check(list(job.events(last=seen[-1].id)) == [], "behind the last")
    check(job.ended and job.progress == 1 and job.state in repr(job), job)
    check(job.history()[-1]["loss"] > 0 and job.losses()["loss"].iloc[-1] > 0, "history")
    check(job.id in [other.id for other in client.jobs("succeeded")], "jobs")
    check(client.job(job.id).result().version == model.version, "result")
    raises(vecmill.NotFound, "no job", client.job, "0" * 32)
    with tempfile.TemporaryDirectory() as folder:
        check(os.path.getsize(job.tensorboard(folder)) > 100, "tensorboard")
    one_word = "\n".join(["king"] * 50) + "\n"
    error = raises(vecmill.JobFailed, "sentence", client.train, one_word, model="f", **SMALL)
    check(error.job["state"] == "failed" and pickle.loads(pickle.dumps(error)).job, error.job)
    long = client.submit(zipf_text(400000).splitlines(), "long", **{**SMALL, "epochs": 100000})
    raises(TimeoutError, "goes on", long.wait, progress=False, timeout=0.5)
    READY.service.wait_training(long.id)
    check(long.pause().refresh() is long, "pause")
    READY.service.wait(long.id, "paused")
    raises(vecmill.JobFailed, "is paused", long.refresh().result)
    long.resume()
    long.cancel()
    raises(vecmill.JobFailed, "cancelled", long.wait, progress=False)
    raises(vecmill.Conflict, "", long.resume)
    model.delete()


PROGRAM = """
import sys, vecmill
client = vecmill.Client(sys.argv[1])
lines = [line.split() for line in open(sys.argv[2])]
job = client.submit(lines, "stopped", epochs=100000, threads=1)
print(job.id, flush=True)
job.wait(on_interrupt=sys.argv[3])
"""


def test_interrupt():
    """Ctrl-C in a program that waits: by default it tells how to go on, else the job ends."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as text:
        text.write(zipf_text(300000))
        text.flush()
        for choice, state, part in (
            ("detach", None, "comes back"),
            ("cancel", "cancelled", "cancelled"),
        ):
            command = [sys.executable, "-c", PROGRAM, READY.client.url, text.name, choice]
            environment = {**os.environ, "PYTHONPATH": PACKAGE}
            running = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
            )
            id = running.stdout.readline().decode().strip()
            READY.service.wait_training(id)
            wait_until(lambda: READY.service.job(id)["words"] > 0, lambda: "no training")
            running.send_signal(signal.SIGINT)
            _, said = running.communicate(timeout=PATIENCE)
            check(running.returncode != 0 and part in said.decode(), said.decode()[-2000:])
            if state is None:
                check(id in said.decode(), said)
                READY.client.job(id).cancel()
            READY.service.wait(id, "cancelled")


# ---- words and vectors -------------------------------------------------------------------------


def test_words():
    model, card = READY.model, READY.service.get("/v1/models/en").json
    check(len(model) == card["words"] and model.dim == model.vector_size == DIM, card)
    check(model.version == card["version"] and model.files == card["files"], "card")
    words = model.index_to_key
    check(words == list(model) and model.key_to_index[words[7]] == 7, "words")
    check(len(words) == len(model) > 40, "more than one page of words", len(words))
    check([row["word"] for row in model.words("k")] == [w for w in words if w[0] == "k"], "prefix")
    check([row["word"] for row in model.words(offset=3, limit=2)] == words[3:5], "a part")
    row = model["king"]
    check(row.shape == (DIM,) and row.dtype == np.float32, row.dtype)
    for word in ODD:
        check(word in model and model.has_index_for(word), "not known", word)
        place = model.get_index(word)
        check(words[place] == word and (model[word] == model[place]).all(), word)
        check(model.get_vecattr(word, "count") == 200, word)
    wanted = np.stack([model[word] for word in ODD])
    check((model[ODD] == wanted).all() and (model[tuple(ODD)] == wanted).all(), "lists")
    check((model[[model.get_index(word) for word in ODD]] == wanted).all(), "ids")
    check((model[[ODD[0], model.get_index(ODD[1])]] == wanted[:2]).all(), "words and ids")
    whole = model.vectors
    check(whole.shape == (len(model), DIM) and (model[:] == whole).all(), "slices")
    check((model[5:2:-1] == whole[5:2:-1]).all() and model[3:3].shape == (0, DIM), "slices")
    check(model[[]].shape == (0, DIM), "an empty list")
    for word in ("", "Xyzzy", "\ud800", "king ", "king\0", "\0", "x" * 3000, -1, 10**9, None, 2.5):
        check(word not in model, "known", word)
    error = raises(vecmill.UnknownWord, "did you mean 'king'", lambda: model["kimg"])
    check(isinstance(error, KeyError) and error.word == "kimg" and error.status == 404, error)
    check("king" in error.suggestions, error.suggestions)
    raises(KeyError, "no word", lambda: model[["king", "zzzz"]])
    raises(KeyError, "", lambda: model[10**6])
    raises(TypeError, "a word is a text", lambda: model[[2.5]])
    raises(KeyError, "character", lambda: model["king\0"])
    raises(KeyError, "character", model.most_similar, "\ud800")
    check(model.get_index("zzzz", default=-1) == -1, "default")
    check((model.get_vectors(["king", "zzzz"], oov="zero")[1] == 0).all(), "zeros")
    found = model.vectors_for_all(["king", "zzzz", "queen", "king", "", "\ud800"])
    check(found.words == ["king", "queen"] and found.missing == ["zzzz", "", "\ud800"], found)
    check((found["queen"] == model["queen"]).all() and "zzzz" not in found, found)
    check(len(model.vectors_for_all([])) == 0 and len(model.vectors_for_all(["zz"])) == 0, "none")


def test_big_batches():
    """The server takes 40 words or 8 KiB a request; the client asks as often as need be."""
    model = READY.big
    words = model.index_to_key
    check(len(words) > 800, len(words))
    whole = model.vectors
    check((model[words] == whole).all() and (model[words * 3] == np.tile(whole, (3, 1))).all(), "")
    lost = ["%d%s" % (i, "é" * 400) for i in range(200)]
    found = model.vectors_for_all([w for pair in zip(words, lost) for w in pair] + words)
    check(found.missing == lost and sorted(found.words) == sorted(words), "missing", found)
    check(model.distances(words[0]).shape == (len(words),), "distances to all")
    pairs = [(words[0], word) for word in words[:200]]
    cosines = model.similarities(pairs)
    near(1 - model.distances(words[0])[:200], cosines, "cosines")
    texts = [" ".join(words[i : i + 5]) for i in range(300)]
    near(model.embed(texts)[217], model.embed(texts[217]), "texts")
    lists = model.neighbors(words[:100], topn=2)
    check(len(lists) == 100 and lists[57] == model.most_similar(words[57], topn=2), "neighbors")
    far = model.wmdistances(words[:2], [words[i : i + 3] for i in range(90)])
    near(far[77], model.wmdistance(words[:2], words[77:80]), "wmd")


def test_recommend():
    """Sessions: one is most_similar of its last item without what it held; several, one call."""
    model = READY.model
    words = model.index_to_key[:6]
    found = model.recommend(words[:3], k=5)
    near_last = [pair for pair in model.most_similar(words[2], topn=7) if pair[0] not in words[:2]]
    check(found == near_last[:5], "recommend", found, near_last)
    many = model.recommend([words[:3], tuple(words[3:])], k=5, history="all", score="output")
    check(len(many) == 2 and many[1] == model.recommend(
        words[3:], k=5, history="all", score="output"), "many", many)
    check(model.recommend(words[:1], k=1, repeat=True)[0][0] == words[0], "repeat")
    check(model.recommend(["zzzz"]) == [], "unknown")
    report = model.evaluate(" ".join(words) + "\n", "next-item", history="all", k=3)
    check((report["asked"], report["k"]) == (1, 3), report)


# ---- gensim's questions ------------------------------------------------------------------------


def same(found, wanted, what):
    check([word for word, _ in found] == [word for word, _ in wanted], what, found, wanted)
    near([score for _, score in found], [score for _, score in wanted], what)


def test_beside_gensim():
    model, kv = READY.model, READY.model.to_keyedvectors()
    check(kv.index_to_key == model.index_to_key and (kv.vectors == model.vectors).all(), "rows")
    check(kv.get_vecattr("king", "count") == model.get_vecattr("king", "count"), "counts")
    for question in (
        {"positive": ["king"]},
        {"positive": "king"},
        {"positive": ["king", "woman"], "negative": ["man"], "topn": 5},
        {"positive": [("king", 0.5), "woman"], "negative": [("man", -2.0)]},
        {"negative": ["king"]},
        {"positive": [model["king"], "queen"]},
        {"positive": ["king"], "restrict_vocab": 20},
        {"positive": ["king"], "clip_start": 5, "clip_end": 25},
        {"positive": [3, "king"]},
        {"positive": [(3, 0.5), ["king", 2.0]]},
    ):
        same(model.most_similar(**question), kv.most_similar(**question), question)
    near(model.most_similar("king", topn=None), kv.most_similar("king", topn=None), "all")
    check(model.most_similar("king", topn=0) == [], "topn 0")
    as_list = [float(number) for number in model["king"]]
    same(model.most_similar([as_list]), model.similar_by_vector(model["king"]), "a list of numbers")
    same(model.similar_by_word("king", 3), kv.similar_by_word("king", 3), "by word")
    same(model.similar_by_key("king", 3), kv.similar_by_key("king", 3), "by key")
    same(model.similar_by_vector(kv["king"], 3), kv.similar_by_vector(kv["king"], 3), "by vector")
    wanted = kv.most_similar_cosmul(positive=["king", "woman"], negative=["man"])
    found = model.most_similar_cosmul(positive=["king", "woman"], negative=["man"])
    check([w for w, _ in found] == [w for w, _ in wanted], "cosmul", found, wanted)
    near(model.similarity("king", "queen"), kv.similarity("king", "queen"), "similarity")
    near(model.distance("king", "queen"), kv.distance("king", "queen"), "distance")
    near(model.distances("king", ["man", "queen"]), kv.distances("king", ["man", "queen"]), "")
    near(model.distances(kv["king"], ["man"]), kv.distances(kv["king"], ["man"]), "of a vector")
    near(model.distances("king"), kv.distances("king"), "to all")
    check(model.rank("king", "queen") == kv.rank("king", "queen"), "rank")
    check(
        sorted(model.closer_than("king", "cabbage")) == sorted(kv.closer_than("king", "cabbage")),
        "",
    )
    near(
        model.n_similarity(["king", "man"], ["queen"]),
        kv.n_similarity(["king", "man"], ["queen"]),
        "",
    )
    words = ["king", "queen", "man", "cabbage"]
    check(model.doesnt_match(words) == kv.doesnt_match(words), "doesnt_match")
    near(
        model.relative_cosine_similarity("king", "queen"),
        kv.relative_cosine_similarity("king", "queen"),
        "relative",
    )
    for norm in (True, False):
        documents = SENTENCES[0].split(), SENTENCES[5].split()
        near(model.wmdistance(*documents, norm=norm), kv.wmdistance(*documents, norm=norm), "wmd")
    near(model.wmdistance(SENTENCES[0], SENTENCES[5]), kv.wmdistance(*documents), "texts")
    check(math.isinf(model.wmdistance(["zzzz"], ["king"])), "nothing is known")
    near(model.get_vector("king", norm=True), kv.get_vector("king", norm=True), "norm")
    near(model.get_normed_vectors(), kv.get_normed_vectors(), "norms")
    for options in (
        {},
        {"pre_normalize": False},
        {"weights": [1.0, -0.5]},
        {"post_normalize": True},
    ):
        keys = ["king", "queen"]
        near(model.get_mean_vector(keys, **options), kv.get_mean_vector(keys, **options), options)
    near(model.get_mean_vector(["king", "zz"]), kv.get_mean_vector(["king", "zz"]), "missing")
    raises(KeyError, "zz", model.get_mean_vector, ["king", "zz"], ignore_missing=False)
    raises(KeyError, "zz", model.most_similar, ["king", "zz"])
    raises(ValueError, "needs", model.most_similar)
    raises(vecmill.Refused, "k must be between", model.most_similar, "king", topn=10**8)
    got = model.most_similar("king", prefix="c", min_score=-1.0, exclude=["castle"], oov="skip")
    check(all(word[0] == "c" and word != "castle" for word, _ in got) and got, got)


def test_evaluations():
    model, kv = READY.model, READY.model.to_keyedvectors()
    analogies = (
        ": first\nking queen man woman\nKing Queen man zzzz\n: second\nman woman king queen\n"
    )
    pairs = "king\tqueen\t9\nman\twoman\t8\nking\tcabbage\t1\nbread\tcheese\t7.5\nzz\tking\t3\n"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "analogies.txt")
        with open(path, "w") as file:
            file.write(analogies)
        for dummy in (False, True):
            wanted, parts = kv.evaluate_word_analogies(path, dummy4unknown=dummy)
            found, ours = model.evaluate_word_analogies(path, dummy4unknown=dummy)
            near(found, wanted, "analogies")
            check(ours[-1]["correct"] == len(parts[-1]["correct"]), ours, parts)
            check([part["section"] for part in ours] == ["first", "second", "Total accuracy"], ours)
        path = os.path.join(folder, "pairs.txt")
        with open(path, "w") as file:
            file.write(pairs)
        wanted, found = kv.evaluate_word_pairs(path), model.evaluate_word_pairs(path)
        near(found[0], wanted[0], "pearson, with its p")
        near(found[1], [wanted[1].statistic, wanted[1].pvalue], "spearman, with its p")
        near(found[2], wanted[2], "unknown")
        check(model.evaluate_word_pairs(pairs) == found, "as text")
    raises(vecmill.VecmillError, "", model.evaluate, "no questions\n", "analogies")
    from scipy import stats

    for r, n in ((0.0, 5), (0.3, 10), (-0.9, 40), (0.999, 6), (0.02, 900), (1.0, 9)):
        t = r * math.sqrt((n - 2) / max(1e-300, 1 - r * r))
        wanted = 2 * stats.t.sf(abs(t), n - 2)
        found = importlib.import_module("vecmill.questions").correlation(r, n).pvalue
        check(abs(found - wanted) < 1e-9 + 1e-6 * wanted, "p of", r, n, found, wanted)


def test_texts_files_losses():
    model = READY.model
    found = model.embed(["the king", "a queen"])
    mean = model[["the", "king"]].astype(float).mean(axis=0)
    near(found[0], mean / np.linalg.norm(mean), "a mean")
    check(model.embed("king").shape == (DIM,) and model.embed([]).shape == (0, DIM), "shapes")
    check(model.embed(["king"], dimensions=3).shape == (1, 3), "dimensions")
    check((model.embed(["zzzz"], oov="zero") == 0).all(), "zeros")
    raises(vecmill.BadRequest, "counted from text 40", model.embed, ["king"] * 50 + ["zzzz"])
    raises(vecmill.BadRequest, "no token", model.embed, "zzzz")
    raises(TypeError, "text 1 is None", model.embed, ["king", None])
    frame = model.to_pandas()
    check(frame.shape == (len(model), DIM) and (frame.loc["😀"] == model["😀"]).all(), frame.shape)
    check(list(model.to_pandas(5).index) == model.index_to_key[:5], "limit")
    few = model.load(7)
    check(len(few) == 7 and (few.matrix == model[:7]).all() and few.counts[0] > 1, few)
    check(len(few.to_keyedvectors()) == 7, "gensim")
    with tempfile.TemporaryDirectory() as folder:
        path = model.download("vectors.bin", folder, progress=False)
        kv = gensim.models.KeyedVectors.load_word2vec_format(path, binary=True)
        check((kv.vectors == model.vectors).all(), "download")
        raises(vecmill.NotFound, "", model.download, "vectors.nothing", folder)
        raises(FileNotFoundError, "", model.download, "vectors.bin", folder + "/none/x")
        check(os.listdir(folder) == ["vectors.bin"], os.listdir(folder))
        copy = READY.client.import_model(path, "copy", limit=5, progress=False)
        check(len(copy) == 5 and (copy[:] == model[:5]).all(), "import")
        copy.delete()
        size = os.path.getsize(path)
        with CuttingProxy(READY.service.port, [size // 2, size // 3]) as proxy:
            far = vecmill.Client("http://127.0.0.1:%d" % proxy.port).model
            other = vecmill.Model(vecmill.Client("http://127.0.0.1:%d" % proxy.port), "en")
            other.download("vectors.bin", os.path.join(folder, "cut"), progress=False)
            check(proxy.connections >= 3 and "range: bytes=" in proxy.requests[-1].lower(), far)
        check(pathlib.Path(folder, "cut").read_bytes() == pathlib.Path(path).read_bytes(), "cut")
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(size=(3, 4)), np.array([0, 3, 1])
    loss = READY.client.losses.softmax_cross_entropy(logits=logits, labels=labels)
    near(loss["losses"], np.log(np.exp(logits).sum(1)) - logits[range(3), labels], "softmax")
    loss = READY.client.losses.weighted_cross_entropy(
        logits=logits, labels=np.ones((3, 4)), pos_weight=2.0
    )
    near(np.asarray(loss["losses"]).ravel(), 2 * np.log1p(np.exp(-logits)).ravel(), "weighted")
    for kind in (model.losses.nce, model.losses.sampled_softmax):
        got = kind(inputs=["king", "queen"], labels=[1, 2], num_sampled=4, gradients=True)
        check(got["losses"].shape == (2,) and np.isfinite(got["losses"]).all(), got)
    check(len(model.candidates(5, seed=1)["sampled"]) == 5, "candidates")


def test_versions():
    client = READY.client
    first = client.train(SENTENCES * 9, model="twice", **SMALL).version
    model = client.train(SENTENCES * 9, model="twice", **{**SMALL, "seed": 2})
    check(model.version != first and len(model.versions()) == 2, model.versions())
    model.set_label("stable", first)
    model.set_label("canary")
    check(model.labels() == {"stable": first, "canary": model.version}, model.labels())
    stable = model.at("stable")
    check(stable.version == first and client.model("twice", "stable").version == first, stable)
    check(not (stable["king"] == model["king"]).all() and "twice@stable" in repr(stable), "rows")
    near(stable.embed("king"), stable.get_vector("king", norm=True), "texts of a version")
    check(stable.losses.nce(inputs=["king"], labels=[1], num_sampled=2)["losses"].shape == (1,), "")
    raises(vecmill.NotFound, "", model.at, "nothing")
    check(model.activate("stable").version == first, "activate")
    raises(vecmill.Conflict, "", model.delete_version, first)
    model.delete_label("canary")
    last = [row["version"] for row in model.versions() if row["version"] != first]
    model.delete_version(last[0])
    check([row["version"] for row in model.versions()] == [first], model.versions())
    check("twice" in client and "twice" in [m.name for m in client.models()], "models")
    error = raises(vecmill.NotFound, "no model 'twic'", client.model, "twic")
    check("twice" in error.suggestions, error.suggestions)
    model.delete()
    check("twice" not in client, "deleted")


if __name__ == "__main__":
    READY = Ready()
    with READY.service:
        failed = run_tests(
            [
                test_what_is_a_corpus,
                test_generator_is_streamed,
                test_settings,
                test_job,
                test_interrupt,
                test_words,
                test_big_batches,
                test_recommend,
                test_beside_gensim,
                test_evaluations,
                test_texts_files_losses,
                test_versions,
            ]
        )
    sys.exit(failed)
