#!/usr/bin/env python3
"""Questions of people as they come: null members, words that are not known, echoes, pairs files of
every make, texts for OpenAI's call, requests without a length. VECMILL names the program."""

import json
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from models_client import (
    E,
    Server,
    check,
    cosine,
    equal,
    import_samples,
    near,
    run_against_samples,
    text_file,
)

TABLE = "/v1/models/table"


def test_null(server):
    """null is what clients send for what they do not set."""
    for path, body in (
        (
            TABLE + "/embeddings",
            {"words": ["king"], "ids": None, "weights": None, "max_norm": None},
        ),
        (TABLE + "/embeddings", {"ids": [0], "words": None, "combiner": None, "oov": None}),
        (TABLE + "/neighbors", {"queries": [{"word": "king", "id": None}], "k": None}),
        (
            TABLE + "/neighbors",
            {
                "queries": [{"positive": None, "negative": ["king"], "vector": None}],
                "among": None,
                "oov": None,
            },
        ),
        (
            TABLE + "/analogy",
            {"positive": ["king"], "negative": None, "k": None, "method": None, "among": None},
        ),
        (TABLE + "/similarity", {"pairs": [["king", "man"]], "oov": None}),
        (TABLE + "/odd-one-out", {"words": [0, 1, 2], "oov": None}),
        (TABLE + "/candidates", {"num_sampled": 2, "unique": None, "true": None, "seed": None}),
        (
            "/v1/embeddings",
            {
                "model": "table",
                "input": "king",
                "encoding_format": None,
                "dimensions": None,
                "user": None,
                "oov": None,
                "metadata": None,
            },
        ),
    ):
        with_null = server.post(path, body).json()
        plain = {
            name: [
                {key: item for key, item in entry.items() if item is not None}
                if isinstance(entry, dict)
                else entry
                for entry in value
            ]
            if isinstance(value, list)
            else value
            for name, value in body.items()
            if value is not None
        }
        equal(with_null, server.post(path, plain).json(), f"{path} with null and without")
    for path, body, status, param in (
        (TABLE + "/neighbors", {"queries": None}, 422, "queries"),
        (TABLE + "/neighbors", {"queries": [{"word": None}]}, 422, "queries/0"),
        (TABLE + "/analogy", {"positive": None}, 422, "positive"),
        (TABLE + "/similarity", {"pairs": None}, 422, "pairs"),
        (TABLE + "/odd-one-out", {"words": None}, 422, "words"),
        (TABLE + "/candidates", {"num_sampled": None}, 422, "num_sampled"),
        (TABLE + "/embeddings", {"words": None, "ids": None}, 422, "words"),
        ("/v1/embeddings", {"model": None, "input": "king"}, 400, "model"),
        ("/v1/embeddings", {"model": "table", "input": None}, 400, "input"),
    ):
        error = server.error("POST", path, body, status, param)
        if param not in ("queries/0",) and body != {"words": None, "ids": None}:
            check("is missing" in error["message"], f"{path} {body}: {error}")
    for body, pointer in (
        ({"corpus": None, "model": "m"}, "#/corpus"),
        ({"corpus": "c", "model": None, "settings": None}, "#/model"),
    ):
        answer = server.ask("POST", "/v1/jobs", body)
        equal(answer.status, 422, f"job {body}")
        equal(answer.json()["errors"][0]["pointer"], pointer, "what the job misses")
    body = {"corpus": "none", "model": "m", "settings": {"dim": None, "threads": None}}
    equal(server.ask("POST", "/v1/jobs", body).status, 404, "a job with null settings")


def test_echo(server):
    queries = [
        ({"word": "man"}, {"word": "man", "id": 2}),
        ({"id": 2}, {"word": "man", "id": 2}),
        ({"vector": [1, 2.5]}, {"vector": [1, 2.5]}),
        ({"negative": ["king"]}, {"positive": [], "negative": ["king"]}),
        ({"negative": ["king", 1]}, {"positive": [], "negative": ["king", "queen"]}),
        ({"positive": ["king"]}, {"positive": ["king"], "negative": []}),
        (
            {"positive": ["king", 3], "negative": [2]},
            {"positive": ["king", "woman"], "negative": ["man"]},
        ),
    ]
    body = {"queries": [query for query, _ in queries]}
    answer = server.post(TABLE + "/neighbors", body).json()
    equal(answer["missing"], [], "nothing is missing")
    for index, (result, (_, wanted)) in enumerate(zip(answer["results"], queries)):
        equal((result["index"], result["query"]), (index, wanted), "echo of a query")
    result = answer["results"][3]["neighbors"]
    near([result[0]["score"]], [max(-cosine(E[0], E[i]) for i in (1, 2, 3))], "against king")
    answer = server.post(TABLE + "/analogy", {"positive": ["king"], "negative": [1]}).json()
    equal(answer["query"], {"positive": ["king"], "negative": ["queen"]}, "echo of an analogy")


def test_oov(server):
    path = TABLE + "/neighbors"
    queries = [
        {"word": "nobody"},
        {"word": "king"},
        {"positive": ["king", "none"], "negative": ["nil"]},
        {"negative": ["nil"]},
    ]
    server.error("POST", path, {"queries": queries}, 404, "queries/0/word", "no word 'nobody'")
    server.error(
        "POST", path, {"queries": queries, "oov": "error"}, 404, "queries/0/word", "no word"
    )
    server.error("POST", path, {"queries": queries, "oov": "zero"}, 422, "oov", "error|skip")
    answer = server.post(path, {"queries": queries, "oov": "skip"}).json()
    equal(answer["missing"], ["nobody", "none", "nil", "nil"], "what was skipped")
    equal(
        [(result["index"], result["query"]) for result in answer["results"]],
        [(1, {"word": "king", "id": 0}), (2, {"positive": ["king"], "negative": []})],
        "what is left",
    )
    equal(
        [result["neighbors"] for result in answer["results"]],
        [server.get(path + "?word=king").json()["neighbors"]] * 2,
        "and its neighbours",
    )
    answer = server.post(path, {"queries": [{"word": "nil"}], "oov": "skip"}).json()
    equal((answer["k"], answer["results"], answer["missing"]), (0, [], ["nil"]), "nothing left")
    server.error("POST", path, {"queries": [{"id": 9}], "oov": "skip"}, 422, "queries/0/id")
    server.error("GET", path + "?word=nil", None, 404, "word")
    server.error("GET", path + "?word=nil&oov=zero", None, 422, "oov", "error|skip")
    answer = server.get(path + "?word=nil&oov=skip").json()
    equal((answer["neighbors"], answer["missing"]), ([], ["nil"]), "GET skips")
    equal(server.get(path + "?word=man&oov=skip").json()["missing"], [], "GET finds")

    path = TABLE + "/similarity"
    body = {"pairs": [["king", "nil"], ["king", "queen"], ["nil", "zip"], [2, 3]]}
    server.error("POST", path, body, 404, "pairs/0/1")
    answer = server.post(path, {**body, "oov": "skip"}).json()
    equal(answer["missing"], ["nil", "nil", "zip"], "pairs without a vector")
    equal([entry["index"] for entry in answer["data"]], [1, 3], "pairs that are left")
    near(
        [entry["similarity"] for entry in answer["data"]],
        [cosine(E[0], E[1]), cosine(E[2], E[3])],
        "their cosines",
    )
    answer = server.post(path, {**body, "oov": "zero"}).json()
    equal(
        [(entry["pair"], entry["similarity"]) for entry in answer["data"]][::2],
        [(["king", "nil"], 0), (["nil", "zip"], 0)],
        "a zero vector has cosine 0",
    )
    equal(answer["missing"], ["nil", "nil", "zip"], "and is told")

    path = TABLE + "/odd-one-out"
    body = {"words": ["nil", "king", "woman", "zip", "man"]}
    server.error("POST", path, body, 404, "words/0")
    server.error("POST", path, {**body, "oov": "zero"}, 422, "oov", "error|skip")
    answer = server.post(path, {**body, "oov": "skip"}).json()
    equal((answer["word"], answer["index"]), ("woman", 2), "the place in the request")
    equal((len(answer["scores"]), answer["missing"]), (3, ["nil", "zip"]), "what counted")
    server.error(
        "POST", path, {"words": ["nil", "king", "man"], "oov": "skip"}, 422, "words", "not 2"
    )

    path = TABLE + "/analogy"
    body = {"positive": ["king", "nil", "man"], "negative": ["queen", "zip"]}
    server.error("POST", path, body, 404, "positive/1")
    answer = server.post(path, {**body, "oov": "skip"}).json()
    equal(answer["missing"], ["nil", "zip"], "an analogy without them")
    equal(
        answer["neighbors"],
        server.post(path, {"positive": ["king", "man"], "negative": ["queen"]}).json()["neighbors"],
        "is the same as if they had not been there",
    )
    answer = server.post(path, {"positive": ["nil"], "oov": "skip"}).json()
    equal((answer["neighbors"], answer["missing"]), ([], ["nil"]), "nothing to go by")


def test_texts(server):
    """What clients of OpenAI's call send by default."""
    path = "/v1/embeddings"
    answer = server.post(path, {"model": "table", "input": "The King, and his Queen!"}).json()
    item = answer["data"][0]
    equal((item["tokens"], item["unknown"], item["altered"]), (5, 3, 2), "words found anyhow")
    # 1,000 texts of 1,000 characters, of four bytes each, as escapes
    text = "\U0001d4d0 " * 499 + "king"
    for body in (
        json.dumps({"model": "table", "input": [text] * 1000}),
        json.dumps({"model": "table", "input": ["\U0001d4d0" * 1093 + " king"] * 1000}),
        json.dumps({"model": "table", "input": ["king " * 400] * 1000}, ensure_ascii=False),
    ):
        answer = server.post(path, body, headers={"Content-Type": "application/json"}).json()
        equal((len(answer["data"]), answer["zeros"]), (1000, 0), "a batch of a thousand")
    answer = server.ask("POST", path, "x" * (16 << 20) + "x", {"Content-Type": "application/json"})
    equal(answer.status, 413, "a body over max_embeddings_bytes")
    check("max_embeddings_bytes" in answer.json()["error"]["message"], "which is named")
    answer = server.ask("POST", path, "{}", {"Content-Type": "text/plain"})
    equal(answer.status, 415, "the body is JSON")
    tokens = [list(range(250))] * 1000
    server.error(
        "POST", path, {"model": "table", "input": tokens}, 400, "input", "ctx_length=False"
    )
    server.error(
        "POST", path, {"model": "table", "input": ["king"] * 10001}, 400, "input", "max_batch"
    )
    server.error("POST", path, {"model": "table", "input": ["king", "\0"]}, 400, "input/1")


def test_unknown_text_setting():
    server = Server(None, "--unknown-text", "zero")
    try:
        import_samples(server)
        texts = ["king"] * 997 + ["", "nobody", "\0"]
        answer = server.post("/v1/embeddings", {"model": "table", "input": texts}).json()
        equal((len(answer["data"]), answer["zeros"]), (1000, 3), "a batch with three zeros")
        equal(
            [item["index"] for item in answer["data"] if item.get("zero")],
            [997, 998, 999],
            "which say so",
        )
        body = {"model": "table", "input": texts, "oov": "error"}
        server.error("POST", "/v1/embeddings", body, 400, "input/997", "input 997")
    finally:
        server.close()


def test_evaluation(server):
    path = TABLE + "/evaluate?set=similarity"
    five = "king\tqueen\t1\tN\tx\nking\tman\t9\tN\ty\nqueen\twoman\t0.5\tN\tz\n"
    answer = server.post(path, five).json()
    equal((answer["pairs"], answer["found"]), (3, 3), "no pair of five columns is lost")
    equal((answer["header"], answer["column"], answer["unread"]), (False, 3, 0), "no header")
    near([answer["spearman"]], [1], "the scores are those of the third column")
    mixed = "w1,w2,score\r\nKING,queen,1\r\nking man 9\r\nking\r\nking,Man,9\r\nking,man,much\r\n"
    answer = server.post(path, "\ufeff" + mixed).json()
    equal(
        [answer[name] for name in ("pairs", "found", "duplicates", "header", "folded", "case")],
        [3, 3, 0, True, 2, "fold"],
        "a file of many makes",
    )
    equal((answer["unread"], answer["unread_lines"]), (2, [4, 6]), "lines that are no pair")
    answer = server.post(path + "&case=exact", mixed).json()
    equal((answer["found"], answer["folded"], answer["case"]), (1, 0, "exact"), "case=exact")
    server.error("POST", path + "&case=upper", mixed, 422, "case", "fold|exact")
    equal(server.ask("POST", path, "king queen\n").status, 400, "no line can be read")
    capitals = text_file(["King", "QUEEN", "Man", "woman"], E)
    server.ask("PUT", "/v1/models/caps/files/vectors.txt", capitals)
    questions = (
        ": none\n: Family\nking queen man woman\nking queen man\nking\tqueen\tman\twoman\tx\n"
    )
    path = "/v1/models/caps/evaluate?set=analogies"
    answer = server.post(path, questions).json()
    equal(
        [answer[name] for name in ("answered", "skipped", "folded", "unread", "unread_lines")],
        [2, 0, 6, 1, [4]],
        "questions in small letters, a vocabulary in capitals",
    )
    equal([section["answered"] for section in answer["sections"]], [0, 2], "an empty section")
    equal(answer["semantic"]["answered"], 2, "a section in capitals")
    answer = server.post(path + "&case=exact", questions).json()
    equal((answer["answered"], answer["skipped"], answer["folded"]), (0, 2, 0), "exact questions")


def raw(server, text):
    """Status line and body of one request sent as it is."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        client.sendall(text.encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = client.recv(65536)
            check(part, f"an answer to {text!r}")
            answer += part
    return answer.split(b"\r\n")[0].decode(), answer


def test_length(server):
    """A body that is needed and not framed is no empty body."""
    for method, path in (
        ("PUT", "/v1/corpora/c"),
        ("POST", "/v1/corpora/c"),
        ("POST", "/v1/jobs"),
        ("POST", "/v1/models/m/train"),
        ("PUT", "/v1/models/m/files/vectors.txt"),
        ("POST", TABLE + "/embeddings"),
        ("POST", TABLE + "/neighbors"),
        ("POST", TABLE + "/analogy"),
        ("POST", TABLE + "/similarity"),
        ("POST", TABLE + "/odd-one-out"),
        ("POST", TABLE + "/evaluate?set=similarity"),
        ("POST", TABLE + "/candidates"),
        ("POST", "/v1/embeddings"),
    ):
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
        line, answer = raw(server, head + "\r\n")
        equal(line, "HTTP/1.1 411 Length Required", f"{method} {path} without a length")
        check(b"Content-Length" in answer, "the way out is named")
        line, _ = raw(server, head + "Content-Length: 0\r\n\r\n")
        check(line.split()[1] in ("400", "422"), f"{method} {path} of nothing: {line}")
    line, _ = raw(server, "POST /v1/jobs/none/cancel HTTP/1.1\r\nHost: localhost\r\n\r\n")
    equal(line.split()[1], "404", "a call that takes no body needs no length")
    line, _ = raw(
        server,
        "PUT /v1/corpora/c HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\na b\n\n\r\n0\r\n\r\n",
    )
    equal(line.split()[1], "201", "chunks are a length")


def test_job_of_one_thread(server):
    """A model that repeats bit for bit holds no time; phrases come through downloads."""
    lines = ["New York", "new_york", "New_York", "a\tb", "plain"]
    corpus = "".join(json.dumps({"tokens": lines}) + "\n" for _ in range(200))
    answer = server.ask(
        "PUT", "/v1/corpora/phrases", corpus, {"Content-Type": "application/x-ndjson"}
    )
    equal(answer.status, 201, f"upload {answer.body!r}")
    settings = {"dim": 4, "epochs": 1, "min_count": 1, "threads": 1, "sample": 0}
    body = {"corpus": "phrases", "model": "phrases", "settings": settings}
    job = json.loads(server.ask("POST", "/v1/jobs", body).body)
    server.service.wait(job["id"], "succeeded")
    listed = {entry["id"]: entry for entry in server.get("/v1/models").json()["data"]}
    card = server.get("/v1/models/phrases").json()
    versions = server.get("/v1/models/phrases/versions").json()["data"]
    now = time.time()
    for created in (listed["phrases"]["created"], card["created"], versions[0]["created"]):
        check(now - 3600 < created <= now + 1, f"created is {created}")
    check(listed["table"]["created"] > 0, "an import has a time, too")

    def lines_of(file, changed):
        answer = server.get("/v1/models/phrases/files/" + file)
        equal(answer.headers["X-Vecmill-Changed-Words"], str(changed), f"words changed in {file}")
        equal(card["changed_words"][file], changed, f"and in the card for {file}")
        return answer.body.decode().split("\n")[:-1]

    tabs = lines_of("vocab.tsv", 1)
    labels = [line.split("\t")[0] for line in tabs]
    equal(set(labels), {"New York", "new_york", "New_York", "a\\tb", "plain"}, "vocab.tsv")
    equal(lines_of("metadata.tsv", 1), labels, "metadata.tsv")
    words = [line.split(" ")[0] for line in lines_of("vectors.txt", 2)[1:]]
    equal(len(set(words)), 5, "words of vectors.txt differ")
    check("New_York" in words and "a_b" in words, f"words of vectors.txt: {words}")
    place = labels.index("New York")
    equal(words[place], f"New_York_{place}", "a clash is told apart by the id")
    lines_of("projector_config.pbtxt", 0)


if __name__ == "__main__":
    test_unknown_text_setting()
    sys.exit(
        run_against_samples(
            [
                test_null,
                test_echo,
                test_oov,
                test_texts,
                test_evaluation,
                test_length,
                test_job_of_one_thread,
            ]
        )
    )
