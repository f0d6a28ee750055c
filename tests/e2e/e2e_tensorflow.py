#!/usr/bin/env python3
"""Losses, combiners and segments beside TensorFlow's own ops on the same numbers. VECMILL names the
program. test_loss and test_lookup hold the same arithmetic against numbers that were computed
without TensorFlow."""

import os
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from models_client import Server, binary_file, check, equal
import models_client
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
                options = {} if hits is None else {"remove_accidental_hits": hits}
                with tf.GradientTape() as tape:
                    wanted = op(
                        weights, biases, labels, inputs_tf, 8, ROWS, num_true,
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
        finally:
            server.close()
    print(f"e2e_tensorflow: {models_client.CHECKS} checks passed, TensorFlow {tf.__version__}")


if __name__ == "__main__":
    main()
