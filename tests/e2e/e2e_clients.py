#!/usr/bin/env python3
"""Clients that people use, on a running server: OpenAI's in Python and for Node, LangChain,
LlamaIndex, gensim by URL, NumPy, pandas, safetensors, EventSource with connections that are cut;
and the examples of docs/api.md, run word for word. scripts/test-venv installs them. VECMILL names
the program.
"""

import io
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tools
from cutting_proxy import CuttingProxy
from service import PATIENCE, Service, check, run_tests, zipf_text

numpy, pandas, openai = tools.require("numpy", "pandas", "openai")
tools.require("gensim", "langchain_openai", "llama_index.embeddings.openai_like", "requests_sse")
tools.require("safetensors.numpy")
tools.node_package("openai")
tools.node_package("eventsource")

DIM = 12
SENTENCES = [
    "the king and the queen rule the old land",
    "the queen and the king live in the castle",
    "a man and a woman walk the road to the castle",
    "the woman and the man sing for the king",
    "the royal family eats bread and cheese at noon",
    "a cabbage grows in the garden of the queen",
]
INPUT = ["the king", "the queen"]


class Ready:
    """A server with the model "en", trained here from text that has the words of the examples."""

    def __init__(self):
        self.service = Service()
        self.url = "http://127.0.0.1:%d" % self.service.port
        check(self.service.put("/v1/corpora/text", "\n".join(SENTENCES * 200)).status == 201)
        self.job = self.service.submit("text", "en", dim=DIM, min_count=1, epochs=2, threads=1)
        self.service.wait(self.job, "succeeded")

    def rows(self, words):
        query = "&".join("word=" + word for word in words)
        answer = self.service.get("/v1/models/en/embeddings?" + query)
        check(answer.status == 200, answer)
        return numpy.array([row["vector"] for row in answer.json["data"]], dtype=numpy.float32)

    def means(self, texts):
        """What POST /v1/embeddings must answer: the mean of the words, at length 1."""
        means = []
        for text in texts:
            mean = self.rows(text.split()).astype(numpy.float64).mean(axis=0)
            means.append(mean / math.sqrt((mean * mean).sum()))
        return numpy.array(means)


def near(found, wanted, what):
    found = numpy.asarray(found, dtype=numpy.float64)
    check(found.shape == wanted.shape, what, found.shape, "instead of", wanted.shape)
    check(numpy.abs(found - wanted).max() < 1e-5, what, found, "instead of", wanted)


READY = Ready()


def test_openai_python():
    client = openai.OpenAI(base_url=READY.url + "/v1", api_key="none", max_retries=0)
    wanted = READY.means(INPUT)
    check([model.id for model in client.models.list()] == ["en"], "list of models")
    check(client.models.retrieve("en").owned_by == "vecmill", "a model")
    answer = client.embeddings.create(model="en", input=INPUT)
    near([row.embedding for row in answer.data], wanted, "base64, which is the client's default")
    check(answer.usage.total_tokens == 4, answer.usage)
    answer = client.embeddings.create(model="en", input=INPUT, encoding_format="float")
    near([row.embedding for row in answer.data], wanted, "floats")
    answer = client.embeddings.create(model="en", input=INPUT[0], dimensions=3, user="me")
    check(len(answer.data[0].embedding) == 3, "dimensions")
    raw = client.embeddings.with_raw_response.create(model="en", input="king")
    check(raw.headers["X-Request-Id"], raw.headers)
    for kind, request, text in (
        (openai.NotFoundError, {"model": "nothing", "input": "king"}, "no model 'nothing'"),
        (openai.BadRequestError, {"model": "en", "input": [[791, 11734]]}, "token ids"),
        (openai.BadRequestError, {"model": "en", "input": "zzz"}, '"oov": "zero"'),
        (openai.BadRequestError, {"model": "en", "input": "king", "dimensions": 99}, "dimensions"),
    ):
        try:
            client.embeddings.create(**request)
        except kind as error:
            check(text in error.message and error.type == "invalid_request_error", error)
        else:
            raise AssertionError("no error: %s" % request)
    zeros = client.embeddings.create(model="en", input="zzz", extra_body={"oov": "zero"})
    check(set(zeros.data[0].embedding) == {0.0}, zeros)


def test_openai_node():
    script = os.path.join(tools.SCRIPTS, "openai_client.mjs")
    done = tools.run_node(
        [copied(script), READY.url + "/v1", "en"], stdout=subprocess.PIPE, timeout=PATIENCE
    )
    check(done.returncode == 0, done)
    result, wanted = json.loads(done.stdout), READY.means(INPUT)
    check(result["models"] == ["en"] and result["model"] == "en", result)
    near(result["vectors"], wanted, "base64, which is the client's default")
    near(result["plain"], wanted, "floats")
    check(result["short"] == 2, "dimensions")
    check(result["usage"]["total_tokens"] == 4, result["usage"])
    error = result["unknown_model"]
    check((error["kind"], error["status"]) == ("NotFoundError", 404), error)
    check(error["code"] == "model_not_found" and error["request_id"], error)
    error = result["token_lists"]
    check((error["kind"], error["status"]) == ("BadRequestError", 400), error)
    check("token ids" in error["message"] and error["param"] == "input/0", error)
    check(result["empty"]["status"] == 400, result["empty"])


def copied(script):
    """The script in the folder whose node_modules it imports from."""
    target = os.path.join(tools.NPM, os.path.basename(script))
    with open(script, "rb") as source, open(target, "wb") as copy:
        copy.write(source.read())
    return target


def test_langchain():
    from langchain_openai import OpenAIEmbeddings

    options = {"model": "en", "base_url": READY.url + "/v1", "api_key": "none", "max_retries": 0}
    # By default it sends lists of cl100k's token ids. Their table, which it would fetch, comes
    # with LlamaIndex.
    import llama_index.core

    cache = os.path.join(os.path.dirname(llama_index.core.__file__), "_static", "tiktoken_cache")
    check(os.path.isdir(cache), cache)
    os.environ["TIKTOKEN_CACHE_DIR"] = cache
    try:
        OpenAIEmbeddings(**options).embed_documents(INPUT)
    except openai.BadRequestError as error:
        check("check_embedding_ctx_length=False" in error.message, error)
        check("token ids" in error.message, error)
    else:
        raise AssertionError("token ids are taken")
    embeddings = OpenAIEmbeddings(check_embedding_ctx_length=False, **options)
    near(embeddings.embed_documents(INPUT), READY.means(INPUT), "documents")
    near([embeddings.embed_query(INPUT[0])], READY.means(INPUT[:1]), "a query")


def test_llama_index():
    from llama_index.embeddings.openai_like import OpenAILikeEmbedding

    embeddings = OpenAILikeEmbedding(
        model_name="en", api_base=READY.url + "/v1", api_key="none", max_retries=0
    )
    near(embeddings.get_text_embedding_batch(INPUT), READY.means(INPUT), "texts")
    near([embeddings.get_query_embedding(INPUT[1])], READY.means(INPUT[1:]), "a query")


def test_gensim_by_url():
    from gensim.models import KeyedVectors

    words = ["king", "queen", "castle"]
    wanted = READY.rows(words)
    for file in ("vectors.bin", "vectors.txt", "vectors.bin.gz", "vectors.txt.gz"):
        url = "%s/v1/models/en/files/%s" % (READY.url, file)
        vectors = KeyedVectors.load_word2vec_format(url, binary=".bin" in file)
        near(vectors[words], wanted.astype(numpy.float64), file)
    found = READY.service.get("/v1/models/en/neighbors?word=king&k=5").json["neighbors"]
    for (word, score), ours in zip(vectors.most_similar("king", topn=5), found):
        check(word == ours["word"] and abs(score - ours["score"]) < 1e-5, word, ours)
    few = KeyedVectors.load_word2vec_format(url, binary=False, limit=3)
    check(len(few) == 3, "limit: the connection is cut early, and no harm is done")


def download(path, **headers):
    request = urllib.request.Request(READY.url + path, headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return answer.headers, answer.read()


def test_numpy():
    words = ["queen", "king", "the"]
    query = "/v1/models/en/embeddings?" + "&".join("word=" + word for word in words)
    wanted = READY.rows(words)
    _, body = download(query, Accept="application/x-npy")
    found = numpy.load(io.BytesIO(body), allow_pickle=False)
    check(found.dtype == numpy.float32 and (found == wanted).all(), "npy", found)
    headers, body = download(query, Accept="application/octet-stream")
    shape = [int(size) for size in headers["X-Shape"].split(",")]
    check((numpy.frombuffer(body, "<f4").reshape(shape) == wanted).all(), "bytes")
    _, body = download("/v1/models/en/files/vectors.npy")
    whole = numpy.load(io.BytesIO(body), allow_pickle=False)
    check((whole[READY.service.get(query).json["data"][0]["id"]] == wanted[0]).all(), "file")


def test_safetensors():
    import safetensors.numpy

    _, body = download("/v1/models/en/files/model.safetensors")
    tensors = safetensors.numpy.load(body)
    _, npy = download("/v1/models/en/files/vectors.npy")
    whole = numpy.load(io.BytesIO(npy), allow_pickle=False)
    check(any(t.shape == whole.shape and (t == whole).all() for t in tensors.values()), tensors)
    _, body = download(
        "/v1/models/en/embeddings?word=king", Accept="application/vnd.safetensors"
    )
    (row,) = safetensors.numpy.load(body).values()
    check((row == READY.rows(["king"])).all(), "a row")


def test_pandas():
    url = READY.url + "/v1/models/en/files/"
    options = {"sep": " ", "skiprows": 1, "header": None, "index_col": 0, "quoting": 3}
    frame = pandas.read_csv(url + "vectors.txt", na_filter=False, **options)
    check(frame.shape == (READY.service.get("/v1/models/en").json["words"], DIM), frame.shape)
    words = ["king", "queen"]
    near(frame.loc[words].to_numpy(), READY.rows(words).astype(float), "vectors.txt")
    history = READY.service.get("/v1/jobs/%s/history" % READY.job).json["data"]
    table = pandas.json_normalize(history)
    check(table["loss"].iloc[-1] > 0 and table["step"].is_monotonic_increasing, table)
    words = READY.service.get("/v1/models/en/words?limit=5").json["data"]
    check(pandas.DataFrame(words)["count"].is_monotonic_decreasing, words)


# ---- event streams -----------------------------------------------------------------------------


def job_with_events():
    """A job that tells much and is over: what it told is kept."""
    service = READY.service
    check(service.put("/v1/corpora/zipf", zipf_text(400000, words=400)).status == 201)
    job = service.submit("zipf", "zipf", dim=8, epochs=6, threads=1, progress_interval=0.01)
    service.wait(job, "succeeded")
    events = [event for event in service.events(job) if event[1] != "comment"]
    check(len(events) >= 8, "too few events to cut: %d" % len(events))
    return job, events


def same_events(found, wanted, proxy):
    check(proxy.connections > len(proxy.cuts), "it came back %d times" % proxy.connections)
    check(found == wanted, "events", [e[0] for e in found], "instead of", [e[0] for e in wanted])
    for head in proxy.requests[1:]:
        check("last-event-id: " in head.lower(), "came back without Last-Event-ID", head)


def cuts_of(job):
    """Three cuts: each behind some events, and most likely within one."""
    _, body = download("/v1/jobs/%s/events" % job)
    return [len(body) // 3, len(body) // 3 + 7, len(body) // 4]


def test_event_source_node():
    job, wanted = job_with_events()
    script = copied(os.path.join(tools.SCRIPTS, "event_source.mjs"))
    with CuttingProxy(READY.service.port, cuts_of(job)) as proxy:
        done = tools.run_node(
            [script, "http://127.0.0.1:%d/v1/jobs/%s/events" % (proxy.port, job)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
        )
    check(done.returncode == 0, done.stderr[-2000:])
    found = [tuple(json.loads(line)) for line in done.stdout.splitlines()]
    same_events(found, wanted, proxy)


def test_event_source_python():
    from requests_sse import EventSource

    job, wanted = job_with_events()
    found = []
    with CuttingProxy(READY.service.port, cuts_of(job)) as proxy:
        url = "http://127.0.0.1:%d/v1/jobs/%s/events" % (proxy.port, job)
        with EventSource(url, timeout=PATIENCE) as source:
            for event in source:
                found.append((int(event.last_event_id), event.type, json.loads(event.data)))
                if len(found) == len(wanted):
                    break
    same_events(found, wanted, proxy)


# ---- the examples of docs/api.md ---------------------------------------------------------------

EXAMPLE = re.compile(r"^<!-- client -->\n```(python|js)\n(.*?)^```$", re.M | re.S)


def test_examples():
    with open(os.path.join(tools.ROOT, "docs", "api.md"), encoding="utf-8") as file:
        examples = EXAMPLE.findall(file.read())
    check(len(examples) >= 8, "examples in docs/api.md: %d" % len(examples))
    for language, text in examples:
        check("http://127.0.0.1:8080" in text, "which server?", text)
        text = text.replace("http://127.0.0.1:8080", READY.url).replace("JOB", READY.job)
        if language == "python":
            done = subprocess.run(
                [sys.executable, "-c", text], stdout=subprocess.PIPE, timeout=PATIENCE, check=False
            )
        else:
            with tempfile.NamedTemporaryFile("w", suffix=".mjs", dir=tools.NPM) as script:
                script.write(text)
                script.flush()
                done = tools.run_node([script.name], stdout=subprocess.PIPE, timeout=PATIENCE)
        check(done.returncode == 0 and done.stdout.strip(), "this example fails:\n", text, done)


if __name__ == "__main__":
    with READY.service:
        failed = run_tests(
            [
                test_openai_python,
                test_openai_node,
                test_langchain,
                test_llama_index,
                test_gensim_by_url,
                test_numpy,
                test_safetensors,
                test_pandas,
                test_event_source_node,
                test_event_source_python,
                test_examples,
            ]
        )
    sys.exit(failed)
