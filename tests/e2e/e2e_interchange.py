#!/usr/bin/env python3
"""Files to and from gensim, NumPy, safetensors, model2vec and fastText, by these programs, and
lines of databases by their own rules. With TEST_DEEP also sentence-transformers. VECMILL names the
program.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tools
from service import Service

numpy, gensim, safetensors, model2vec, fasttext = tools.require(
    "numpy", "gensim.models", "safetensors.numpy", "model2vec", "fasttext"
)
from gensim.models import KeyedVectors, Word2Vec

VECMILL = os.environ["VECMILL"]
FILES = "/v1/models/m/files/"
DIM = 6
# No white space here but inside of one word; "\\N" and "\\." mean something to COPY.
WORDS = ["king", "queen", "日本", "naïve", "it's", "a\\b", 'x"y', "New York", "\\N", "\\.", "😀"]
WORDS += ["w%d" % i for i in range(200)]


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def vecmill(*arguments):
    done = subprocess.run([VECMILL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check(done.returncode == 0, (arguments, done.stderr))
    return done.stdout.decode()


def made(folder):
    """A model with counts, made by gensim, and its vectors."""
    rng = numpy.random.default_rng(4)
    vectors = KeyedVectors(DIM)
    matrix = rng.normal(size=(len(WORDS), DIM)).astype(numpy.float32)
    vectors.add_vectors(WORDS, matrix)
    for i, word in enumerate(WORDS):
        vectors.set_vecattr(word, "count", 10000 - i)
    path = os.path.join(folder, "made.kv")
    vectors.save(path)
    out = vecmill("import", path, "--output", os.path.join(folder, "m"))
    check("%d read as gensim, %d kept" % (len(WORDS), len(WORDS)) in out, out)
    return os.path.join(folder, "m"), matrix


def gensim_maps_what_we_write(folder, model, matrix):
    for name, dtype in (("x.kv", numpy.float32), ("x.float16.kv", numpy.float16)):
        path = os.path.join(folder, name)
        vecmill("export", model, "--output", path)
        vectors = KeyedVectors.load(path, mmap="r")
        check(isinstance(vectors.vectors, numpy.memmap), "gensim maps the numbers")
        check(numpy.array_equal(vectors.vectors, matrix.astype(dtype)), name)
        check(vectors.index_to_key == WORDS, "words")
        check(vectors.get_vecattr("queen", "count") == 9999, "counts")
        vectors.set_vecattr("queen", "count", 3)  # they can be changed
        check(len(vectors.most_similar("king", topn=5)) == 5, "neighbours")
        vectors.save(os.path.join(folder, "again.kv"))
        out = vecmill("import", path, "--output", os.path.join(folder, "back"), "--limit", "20")
        check("20 read as gensim" in out, out)


def gensim_files_are_read(folder):
    """Small and large, of KeyedVectors and of models: with arrays in the pickle and beside it."""
    sentences = [["a", "b", "c", "d"]] * 50
    model = Word2Vec(sentences, vector_size=5, min_count=1, epochs=1, workers=1)
    small, large = os.path.join(folder, "small.model"), os.path.join(folder, "large.kv")
    model.save(small)
    model.wv.save(large, sep_limit=1)
    for path, protocol in ((small, None), (large, None), (os.path.join(folder, "p2.kv"), 3)):
        if protocol:
            model.wv.save(path, pickle_protocol=protocol)
        vecmill("import", path, "--output", os.path.join(folder, "back"))
        out = os.path.join(folder, "back.npy")
        vecmill("export", os.path.join(folder, "back"), "--output", out)
        check(numpy.array_equal(numpy.load(out), model.wv.vectors), path)


def static_embeddings_load(folder, model, matrix):
    target = os.path.join(folder, "static")
    vecmill("export", model, "--output", target, "--format", "static-embedding")
    static = model2vec.StaticModel.from_pretrained(target)
    for i, word in enumerate(WORDS):
        check(numpy.allclose(static.encode(word), matrix[i], atol=1e-6), word)
    both = static.encode("king  queen unheard-of")
    check(numpy.allclose(both, (matrix[0] + matrix[1]) / 2, atol=1e-6), "a text is a mean")
    check(not static.encode("unheard-of").any(), "unknown words are zero")
    half = os.path.join(folder, "half")
    vecmill(
        *("export", model, "--output", half),
        *("--format", "static-embedding", "--dtype", "float16"),
    )
    static = model2vec.StaticModel.from_pretrained(half)
    check(numpy.allclose(static.encode("king"), matrix[0], atol=1e-2), "float16")


def sentence_transformers_loads_them(folder, matrix):
    """The folders that static_embeddings_load left, and texts in capitals."""
    if not os.environ.get("TEST_DEEP"):
        print("e2e_interchange: sentence-transformers is asked with TEST_DEEP only")
        return
    if os.environ.get("TEST_OFFLINE"):
        print("NOT CHECKED e2e_interchange: sentence-transformers (TEST_OFFLINE is set)")
        return
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    subprocess.run([os.path.join(root, "scripts", "test-torch")], check=True)
    python = os.path.join(root, "build", "venv-torch", "bin", "python")
    script = os.path.join(root, "tests", "support", "static_embedding.py")
    small = os.path.join(folder, "small.txt")
    with open(small, "w", encoding="utf-8") as file:
        file.write("2 2\nking 1 2\nêtre 3 4\n")
    vecmill("import", small, "--output", os.path.join(folder, "lower"))
    to = os.path.join(folder, "lower-static")
    vecmill("export", os.path.join(folder, "lower"), "--output", to, "--format", "static-embedding")
    texts = ["king  queen", "New York\tking", "unheard-of", "king unheard-of"]
    asked = {"static": WORDS + texts, "half": WORDS, "lower-static": ["KING", "Être"]}
    with open(os.path.join(folder, "asked.json"), "w", encoding="utf-8") as file:
        json.dump(asked, file)
    subprocess.run([python, script, folder], check=True)
    got = {name: numpy.load(os.path.join(folder, name + ".npy")) for name in asked}
    words, sums = got["static"][: len(WORDS)], got["static"][len(WORDS) :]
    check(words.dtype == numpy.float32 and numpy.array_equal(words, matrix), "words, to the bit")
    check(numpy.allclose(got["half"].astype(numpy.float32), matrix, atol=1e-2), "float16")
    check(numpy.allclose(sums[0], (matrix[0] + matrix[1]) / 2, atol=1e-6), "a text is a mean")
    york = matrix[WORDS.index("New York")]
    check(numpy.allclose(sums[1], (york + matrix[0]) / 2, atol=1e-6), "a word with a space")
    check(not sums[2].any(), "unknown words are zero")
    check(numpy.allclose(sums[3], matrix[0] / 2, atol=1e-6), "they count in the mean")
    check(got["lower-static"].tolist() == [[1, 2], [3, 4]], "capitals, of a model without")
    print("e2e_interchange: sentence-transformers loads the folders and gives their vectors")


def fasttext_models_are_read(folder):
    """To the bit, what fastText says: letters of several bytes, labels, no n-grams."""
    text = os.path.join(folder, "text")
    with open(text, "w", encoding="utf-8") as file:
        file.write("der König größer 日本語 naïve der größte\n" * 200)
    labelled = os.path.join(folder, "labelled")
    with open(labelled, "w", encoding="utf-8") as file:
        file.write("__label__a guten Tag\n__label__b schöner Abend\n" * 100)
    quiet = dict(verbose=0, thread=1, dim=7, minCount=1)
    models = [
        fasttext.train_unsupervised(text, bucket=1000, **quiet),
        fasttext.train_unsupervised(text, model="cbow", minn=1, maxn=2, bucket=50, **quiet),
        fasttext.train_unsupervised(text, maxn=0, **quiet),
        fasttext.train_supervised(labelled, minn=2, maxn=4, bucket=300, **quiet),
    ]
    for i, model in enumerate(models):
        path = os.path.join(folder, "f%d.bin" % i)
        model.save_model(path)
        out = vecmill("import", path, "--output", os.path.join(folder, "back"))
        check(("not kept" in out) == (i != 2), out)
        check(("2 labels left out" in out) == (i == 3), out)
        ours = os.path.join(folder, "back.npy")
        vecmill("export", os.path.join(folder, "back"), "--output", ours)
        theirs = numpy.stack([model.get_word_vector(word) for word in model.get_words()])
        check(numpy.array_equal(numpy.load(ours), theirs), "model %d" % i)
    models[3].quantize(input=labelled)
    models[3].save_model(os.path.join(folder, "q.ftz"))
    done = subprocess.run(
        [VECMILL, "import", os.path.join(folder, "q.ftz"), "--output", os.path.join(folder, "q")],
        stderr=subprocess.PIPE,
    )
    check(done.returncode == 2 and b"quantized" in done.stderr, done)
    check(not os.path.exists(os.path.join(folder, "q")), "nothing is left")


def copy_fields(line):
    """A row of COPY's text format, by PostgreSQL's rules."""
    fields = []
    for field in line.split("\t"):
        if field == "\\N":
            fields.append(None)
            continue
        out, i = "", 0
        while i < len(field):
            if field[i] == "\\":
                i += 1
                out += {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}.get(
                    field[i], field[i]
                )
            else:
                out += field[i]
            i += 1
        fields.append(out)
    return fields


def databases_get_all(folder, model, matrix):
    def lines(name):
        path = os.path.join(folder, name)
        vecmill("export", model, "--output", path)
        with open(path, encoding="utf-8", newline="\n") as file:
            text = file.read()
        check(text.endswith("\n"), name)
        return text.split("\n")[:-1]

    rows = [copy_fields(line) for line in lines("pgvector.copy")]
    check([row[1] for row in rows] == WORDS, "COPY: words")
    check([int(row[2]) for row in rows] == [10000 - i for i in range(len(WORDS))], "COPY: counts")
    vectors = numpy.array([json.loads(row[3]) for row in rows], dtype=numpy.float32)
    check(numpy.array_equal(vectors, matrix), "COPY: numbers")
    points = [json.loads(line) for line in lines("qdrant.ndjson")]
    check([p["payload"]["word"] for p in points] == WORDS, "Qdrant: words")
    check([p["id"] for p in points] == list(range(len(WORDS))), "Qdrant: ids")
    bulk = [json.loads(line) for line in lines("elasticsearch.ndjson")]
    check([d["word"] for d in bulk[1::2]] == WORDS, "Elasticsearch: words")
    check(all(a["index"]["_id"] == str(i) for i, a in enumerate(bulk[::2])), "Elasticsearch: ids")
    small = [json.loads(line)["vector"] for line in lines("elasticsearch.int8.ndjson")[1::2]]
    check(numpy.abs(small).max(axis=1).tolist() == [127] * len(WORDS), "Elasticsearch: bytes")


def service_takes_and_gives(folder, matrix):
    packed = io.BytesIO()
    kv = os.path.join(folder, "beside.kv")
    KeyedVectors.load(os.path.join(folder, "made.kv")).save(kv, sep_limit=1)
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for end in ("", ".vectors.npy"):
            archive.add(kv + end, arcname="beside.kv" + end)
    with Service() as s:
        answer = s.put(FILES + "beside.tar", packed.getvalue())
        check(answer.status == 201 and answer.json["import"]["format"] == "gensim", answer.body)
        check(s.put(FILES + "x.npy", packed.getvalue()).status == 415, "a tar is no .npy")
        answer = s.put(FILES + "x.foo", b"1 1\na 1\n")
        check(answer.status == 422 and b".safetensors" in answer.body, answer.body)
        answer = s.get(FILES + "king.npy")
        check(numpy.array_equal(numpy.load(io.BytesIO(answer.body)), matrix), "king.npy")
        check(s.get(FILES + "vectors.kv.vectors.npy").body == answer.body, "the other half of .kv")
        some = s.get(FILES + "vectors.npy?limit=3")
        check(numpy.array_equal(numpy.load(io.BytesIO(some.body)), matrix[:3]), "limit")
        check(some.headers["ETag"] != answer.headers["ETag"], "a tag for each limit")
        for _ in range(2):  # made, and kept
            answer = s.get(FILES + "model.safetensors?dtype=int8")
            check("dtype=int8; cosine-error-mean=" in answer.headers["X-Vecmill-Loss"], "loss")
        tensors = safetensors.load(answer.body)
        back = tensors["embeddings"].astype(numpy.float32) * tensors["scales"]
        check(numpy.abs(back - matrix).max() < 0.02, "int8 times its scales")
        check(s.get(FILES + "x.float16.npy?dtype=int8").status == 422, "a contradiction")
        check(s.get(FILES + "x.tsv").status == 422, "which of three")


def main():
    folder = tempfile.mkdtemp(prefix="vecmill-e2e-")
    try:
        model, matrix = made(folder)
        gensim_maps_what_we_write(folder, model, matrix)
        gensim_files_are_read(folder)
        static_embeddings_load(folder, model, matrix)
        sentence_transformers_loads_them(folder, matrix)
        fasttext_models_are_read(folder)
        databases_get_all(folder, model, matrix)
        service_takes_and_gives(folder, matrix)
        print("e2e_interchange: passed")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
