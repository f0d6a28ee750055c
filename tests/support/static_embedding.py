"""Run by e2e_interchange in the environment of scripts/test-torch: folders that vecmill exported,
loaded by sentence-transformers. static_embedding.py FOLDER: asked.json in it has texts for each of
these, whose vectors go to NumPy's files beside them."""

import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"  # nothing is fetched for a folder that is here
import numpy
from sentence_transformers import SentenceTransformer

folder = sys.argv[1]
with open(os.path.join(folder, "asked.json"), encoding="utf-8") as file:
    asked = json.load(file)
for name, texts in asked.items():
    model = SentenceTransformer(os.path.join(folder, name), device="cpu")
    assert type(model[0]).__name__ == "StaticEmbedding", model
    vectors = model.encode(texts)
    numpy.save(os.path.join(folder, name + ".npy"), vectors)
    again = os.path.join(folder, name + "-saved")
    model.save_pretrained(again)  # what it wrote itself, it reads back to the same
    same = SentenceTransformer(again, device="cpu").encode(texts)
    assert numpy.array_equal(same, vectors), "%s: saved and loaded again" % name
