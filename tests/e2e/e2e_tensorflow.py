#!/usr/bin/env python3
"""Losses, combiners and segments beside TensorFlow's own ops on the same numbers. VECMILL names the
program. test_loss and test_lookup hold the same arithmetic against numbers that were computed
without TensorFlow."""

import json
import os
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from models_client import Server, binary_file, check, equal
import models_client
from service import zipf_text
from tools import require

numpy, tf = require("numpy", "tensorflow")

ROWS, DIM, BATCH = 30, 6, 5
RNG = numpy.random.default_rng(2)


def numbers(*shape, scale=1.0):
    return (scale * RNG.normal(size=shape)).astype(numpy.float32)


def near(found, wanted, what, tolerance=1e-5):
    found, wanted = numpy.array(found, dtype=float), numpy.array(wanted, dtype=float)
    equal(found.shape, wanted.shape, f"shape of {what}")
    allowed = tolerance * numpy.maximum(1, abs(wanted))
    check((abs(found - wanted) <= allowed).all(), f"{what}: {found} instead of {wanted}")


def lists(value):
    return value.numpy().tolist() if hasattr(value, "numpy") else value.tolist()


def check_sampled(server):
    ops = {"nce": tf.nn.nce_loss, "sampled_softmax": tf.nn.sampled_softmax_loss}
    defaults = {"nce": False, "sampled_softmax": True}
    for name, op in ops.items():
        for num_true, unique, scale in ((1, True, 1), (3, True, 1), (2, False, 1), (1, True, 12)):
            weights, biases = numbers(ROWS, DIM, scale=scale), numbers(ROWS)
            inputs = numbers(BATCH, DIM, scale=scale)
            labels = RNG.integers(0, 6, size=(BATCH, num_true))  # frequent ones: they are hit
            sampled = tf.random.log_uniform_candidate_sampler(
                labels, num_true, 8, unique, ROWS, seed=3
            )
            for hits in (None, False, True):
                inputs_tf = tf.Variable(inputs)
                rows_tf, biases_tf = tf.Variable(weights), tf.Variable(biases)
                options = {} if hits is None else {"remove_accidental_hits": hits}
                with tf.GradientTape(persistent=True) as tape:
                    wanted = op(
                        rows_tf, biases_tf, labels, inputs_tf, 8, ROWS, num_true,
                        sampled_values=sampled, **options
                    )
                    total = tf.reduce_sum(wanted)
                body = {
                    "weights": weights.tolist(), "biases": biases.tolist(),
                    "inputs": inputs.tolist(), "labels": labels.tolist(), "gradients": True,
                    "sampled_values": [lists(part) for part in sampled], **options,
                }
                answer = server.post("/v1/losses/" + name, body).json()
                what = f"{name} of {num_true}, unique {unique}, hits {hits}, scale {scale}"
                near(answer["losses"], lists(wanted), what)
                near(answer["mean"], float(tf.reduce_mean(wanted)), "mean of " + what)
                near(
                    answer["gradients"]["inputs"], lists(tape.gradient(total, inputs_tf)),
                    "gradient of " + what, 1e-4
                )
                for member, variable in (("weights", rows_tf), ("biases", biases_tf)):
                    slices = tf.convert_to_tensor(tape.gradient(total, variable))
                    near(answer["gradients"][member], lists(slices),
                         f"gradient by {member} of {what}", 1e-4 * max(1, scale))
                del tape
                equal(answer["remove_accidental_hits"], defaults[name] if hits is None else hits,
                      "default of hits")
                again = server.post(
                    "/v1/losses/" + name, {**body, "sampled_values": answer["sampled_values"]}
                ).json()
                equal(again["losses"], answer["losses"], "the answer's sample can be asked again")
    body = {"weights": weights.tolist(), "inputs": inputs.tolist(), "labels": [0, 1, 2, 3, 4]}
    drawn = server.post("/v1/losses/nce", {**body, "num_sampled": 7, "seed": 4}).json()
    same = server.post("/v1/losses/nce", {**body, "num_sampled": 7, "seed": 4}).json()
    equal(drawn, same, "a seed draws the same")
    values = drawn["sampled_values"]
    wanted = tf.nn.nce_loss(
        weights, tf.zeros(ROWS), tf.constant([[0], [1], [2], [3], [4]], tf.int64), inputs, 7, ROWS,
        sampled_values=(
            tf.constant(values["sampled_candidates"], tf.int64),
            tf.constant(values["true_expected_count"]),
            tf.constant(values["sampled_expected_count"]),
        ),
    )
    near(drawn["losses"], lists(wanted), "a sample of our own")
    for sampler in ("uniform", "unigram"):
        more = {"sampler": sampler, "num_sampled": 7, "counts": list(range(ROWS, 0, -1))}
        equal(len(server.post("/v1/losses/nce", {**body, **more}).json()["losses"]), BATCH, sampler)


def check_weighted(server):
    extremes = [-1000.0, -100, -20, -1e-8, 0, 1e-8, 20, 100, 1000]
    for logits in (numbers(4, 7, scale=5), numpy.float32([extremes, extremes])):
        labels = RNG.random(size=logits.shape).astype(numpy.float32)
        labels[0] = numpy.round(labels[0])
        for weight in (1.0, 3.5, 0.25, numpy.abs(numbers(logits.shape[1]))):
            wanted = tf.nn.weighted_cross_entropy_with_logits(labels, logits, weight)
            answer = server.post(
                "/v1/losses/weighted_cross_entropy",
                {
                    "logits": logits.tolist(), "labels": labels.tolist(),
                    "pos_weight": numpy.array(weight, dtype=float).tolist(),
                },
            ).json()
            near(answer["losses"], lists(wanted), f"weighted by {weight}")
            near(answer["mean"], float(tf.reduce_mean(wanted)), "mean")


def check_softmax(server):
    for logits in (numbers(6, 9, scale=4), numbers(2, 3, 5), numpy.float32([[1e4, -1e4, 0, 9e3]])):
        dense = numpy.abs(numbers(*logits.shape))
        dense[0] /= dense[0].sum()
        classes = RNG.integers(0, logits.shape[-1], size=logits.shape[:-1])
        logits_tf = tf.Variable(logits)
        with tf.GradientTape() as tape:
            wanted = tf.nn.softmax_cross_entropy_with_logits(dense, logits_tf)
            total = tf.reduce_sum(wanted)
        body = {"logits": logits.tolist(), "labels": dense.tolist(), "gradients": True}
        answer = server.post("/v1/losses/softmax_cross_entropy", body).json()
        near(answer["losses"], lists(wanted), "dense labels")
        if abs(dense.sum(axis=-1) - 1).max() < 1e-6:  # TensorFlow's gradient takes it for granted
            near(answer["gradients"]["logits"], lists(tape.gradient(total, logits_tf)), "gradient")
        wanted = tf.nn.sparse_softmax_cross_entropy_with_logits(classes, logits)
        answer = server.post(
            "/v1/losses/softmax_cross_entropy",
            {"logits": logits.tolist(), "labels": classes.tolist()},
        ).json()
        near(answer["losses"], lists(wanted), "sparse labels")


def tensors_of(server, model):
    """What a model holds, by name, from its safetensors file."""
    body = server.get(f"/v1/models/{model}/files/model.safetensors").body
    length = int.from_bytes(body[:8], "little")
    head, data = json.loads(body[8 : 8 + length]), body[8 + length :]
    return {
        name: numpy.frombuffer(data[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"])
        for name, entry in head.items()
        if name != "__metadata__"
    }


def check_model(server):
    """The rows of a trained model, by words and by ids, also of a version and by a label."""
    service = server.service
    service.put("/v1/corpora/text", zipf_text(20000))
    for seed in (1, 2):
        id = service.submit("text", "en", dim=DIM, epochs=1, min_count=1, seed=seed, threads=1)
        version = service.wait(id, "succeeded")["version"]
        service.call("PUT", f"/v1/models/en/labels/seed{seed}", {"version": version})
    for name, path in (("en", "en"), ("en@seed1", "en/versions/seed1"), (f"en@{version}", "en")):
        tensors = tensors_of(server, path)
        table, rows, biases = tensors["embeddings"], tensors["output"], tensors["bias"]
        words = server.get(f"/v1/models/{path}/words?limit=10").json()["data"]
        ids = [row["id"] for row in words]
        labels = RNG.integers(0, len(table), size=(len(ids), 2))
        sampled = tf.random.uniform_candidate_sampler(labels, 2, 16, True, len(table), seed=5)
        body = {
            "model": name, "inputs": ids, "labels": labels.tolist(),
            "sampled_values": [lists(part) for part in sampled], "gradients": True,
        }
        inputs = tf.Variable(table[ids])
        with tf.GradientTape() as tape:
            wanted = tf.nn.nce_loss(
                rows, biases, labels, inputs, 16, len(table), 2, sampled_values=sampled
            )
        answer = server.post("/v1/losses/nce", body).json()
        near(answer["losses"], lists(wanted), "rows of " + name)
        near(answer["gradients"]["inputs"], lists(tape.gradient(wanted, inputs)), "gradient", 1e-4)
        check("weights" not in answer["gradients"], "gradients by a whole model")
        by_words = server.post(
            "/v1/losses/nce", {**body, "inputs": [row["word"] for row in words]}
        ).json()
        equal(by_words, answer, "words instead of ids")
        weights = numpy.abs(numbers(len(ids)))
        weighed = server.post("/v1/losses/nce", {**body, "label_weights": weights.tolist()}).json()
        near(weighed["losses"], (wanted.numpy() * weights).tolist(), "label_weights")
        near(weighed["mean"], float((wanted.numpy() * weights).mean()), "mean of weighted losses")
        # all classes, and some of them in an order of their own
        scores = table[ids] @ rows.T + biases
        truth = RNG.integers(0, len(table), size=len(ids))
        body = {"model": name, "inputs": ids, "labels": truth.tolist()}
        wanted = tf.nn.sparse_softmax_cross_entropy_with_logits(truth, scores)
        answer = server.post("/v1/losses/softmax_cross_entropy", body).json()
        near(answer["losses"], lists(wanted), "all classes of " + name)
        classes = RNG.permutation(len(table))[:7]
        truth = RNG.integers(0, 7, size=len(ids))
        body = {**body, "classes": classes.tolist(), "labels": truth.tolist()}
        wanted = tf.nn.sparse_softmax_cross_entropy_with_logits(truth, scores[:, classes])
        answer = server.post("/v1/losses/softmax_cross_entropy", body).json()
        near(answer["losses"], lists(wanted), "classes")
        dense = RNG.random(size=(len(ids), 7)).astype(numpy.float32)
        body = {**body, "labels": dense.tolist(), "pos_weight": 2, "label_weights": 0.5}
        wanted = 0.5 * tf.nn.weighted_cross_entropy_with_logits(dense, scores[:, classes], 2.0)
        answer = server.post("/v1/losses/weighted_cross_entropy", body).json()
        near(answer["losses"], lists(wanted), "weighted classes")
    body = {"model": "en@nothing", "inputs": [0], "labels": [0], "num_sampled": 2}
    for name, status, text in (
        ("en@nothing", 404, "has no version or label 'nothing'"),
        ("none", 404, "no model 'none'"),
        ("made", 422, "holds no output rows"),
    ):
        answer = server.ask("POST", "/v1/losses/nce", {**body, "model": name})
        equal(answer.status, status, name)
        check(text in answer.json()["detail"], f"{text!r} is not in {answer.body!r}")


def check_combined(server):
    table = numbers(ROWS, DIM)
    path = "/v1/models/made/embeddings"
    words = [f"w{i}" for i in range(ROWS)]
    server.service.put("/v1/models/made/files/vectors.bin", binary_file(words, table.tolist()))
    ids = RNG.integers(0, ROWS, size=12)
    weights = numpy.abs(numbers(12))
    sorted_ids = numpy.sort(RNG.integers(0, 6, size=12))
    places = [[int(r), i] for i, r in enumerate(sorted_ids)]
    shape = [int(sorted_ids[-1]) + 1, 12]
    sparse = lambda values: tf.sparse.SparseTensor(places, values, shape)
    vectors = lambda answer: [row["vector"] for row in answer.json()["data"]]
    for combiner in ("sum", "mean", "sqrtn"):
        for weighted in (False, True):
            for norm in (None, 1.5):
                wanted = tf.nn.embedding_lookup_sparse(
                    table, sparse(ids), sparse(weights) if weighted else None, combiner=combiner,
                    max_norm=norm,
                )
                body = {
                    "ids": ids.tolist(), "segment_ids": sorted_ids.tolist(), "combiner": combiner,
                    "weights": weights.tolist() if weighted else None, "max_norm": norm,
                }
                near(vectors(server.post(path, body)), lists(wanted),
                     f"{combiner}, weights {weighted}, max_norm {norm}")
    for combiner in ("sum", "mean", "max", "min"):
        op = getattr(tf.math, "segment_" + combiner)
        gaps = sorted_ids * 2
        body = {"ids": ids.tolist(), "segment_ids": gaps.tolist(), "combiner": combiner}
        near(vectors(server.post(path, body)), lists(op(table[ids], gaps)), f"segment_{combiner}")
    any_order = RNG.integers(-1, 7, size=12)
    for combiner in ("sum", "mean", "sqrt_n", "max", "min"):
        op = getattr(tf.math, "unsorted_segment_" + combiner)
        body = {
            "ids": ids.tolist(), "segment_ids": any_order.tolist(), "num_segments": 9,
            "combiner": combiner.replace("_", ""),
        }
        near(vectors(server.post(path, body)), lists(op(table[ids], any_order, 9)),
             f"unsorted_segment_{combiner}")
        answer = server.post(path, body, headers={"Accept": "application/octet-stream"})
        equal(answer.headers["X-Shape"], f"9,{DIM}", "as an array")
    for body, place, text in (
        ({"segment_ids": [1, 0]}, "segment_ids/1", "must not fall"),
        ({"segment_ids": [0]}, "segment_ids", "as many as ids, 2"),
        ({"segment_ids": [0, -1]}, "segment_ids", "from 0 to"),
        ({"segment_ids": [0, 3], "num_segments": 3}, "segment_ids/1", "below num_segments"),
        ({"segment_ids": [0, 1], "combiner": None}, "combiner", "need a combiner"),
        ({"num_segments": 3}, "num_segments", "needs segment_ids"),
        ({"ids": [[0], [1]], "segment_ids": [0, 1]}, "segment_ids", "plain list"),
    ):
        server.error("POST", path, {"ids": [0, 1], "combiner": "sum", **body}, 422, place, text)


def main():
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        try:
            check_sampled(server)
            check_weighted(server)
            check_softmax(server)
            check_combined(server)
            check_model(server)
        finally:
            server.close()
    print(f"e2e_tensorflow: {models_client.CHECKS} checks passed, TensorFlow {tf.__version__}")


if __name__ == "__main__":
    main()
