"""Labels a CSV file with a classifier: read, tokenise, encode, write. Texts are sorted by length, and each batch is
padded to its longest. Prints JSON; loading libraries and the model, and three batches to warm up, do not count.

    infer.py --engine torch-bf16 --classifier DIR --onnx DIR --input FILE --output FILE ...
"""

import argparse
import json
import os
import time

import numpy as np
import pandas as pd
from transformers import BertTokenizerFast

import rows

parser = argparse.ArgumentParser()
parser.add_argument("--engine", required=True)
parser.add_argument("--classifier", required=True)
parser.add_argument("--onnx", required=True)
parser.add_argument("--input", required=True)
parser.add_argument("--output", required=True)
parser.add_argument("--batch", type=int, required=True)
parser.add_argument("--max-length", type=int, required=True)
parser.add_argument("--threads", type=int, required=True)
a = parser.parse_args()

engine, precision = a.engine.split("-")
inputs = ("ids", "mask", "segments")
if engine == "torch":
    import torch

    from classifier import Classifier

    torch.set_num_threads(a.threads)
    model = Classifier(a.classifier, attention="sdpa")

    def logits(*batch):
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
            return model(*map(torch.from_numpy, batch)).float().numpy()
elif engine == "ort":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = a.threads
    session = onnxruntime.InferenceSession(
        os.path.join(a.onnx, f"{precision}.onnx"), options, providers=["CPUExecutionProvider"])

    def logits(*batch):
        return session.run(None, dict(zip(inputs, batch)))[0]
elif engine == "openvino":
    import openvino

    compiled = openvino.Core().compile_model(
        os.path.join(a.onnx, "fp32.onnx"), "CPU",
        {"INFERENCE_PRECISION_HINT": {"fp32": "f32"}.get(precision, precision), "INFERENCE_NUM_THREADS": a.threads})
    request = compiled.create_infer_request()

    def logits(*batch):
        return request.infer(dict(zip(inputs, batch)))[0]

with open(os.path.join(a.classifier, "config.json"), encoding="utf-8") as file:
    names = {int(index): name for index, name in json.load(file)["id2label"].items()}
tokenizer = BertTokenizerFast.from_pretrained(a.classifier)


def padded(encodings, batch):
    ids = np.zeros((len(batch), max(len(encodings["input_ids"][i]) for i in batch)), dtype=np.int64)
    mask, segments = np.zeros_like(ids), np.zeros_like(ids)
    for row, i in enumerate(batch):
        n = len(encodings["input_ids"][i])
        ids[row, :n], mask[row, :n], segments[row, :n] = encodings["input_ids"][i], 1, encodings["token_type_ids"][i]
    return ids, mask, segments


def label(limit=None):
    """Returns the frame, its labels, all tokens, and the seconds that the encoder took."""
    frame = rows.read(a.input).head(limit)
    encodings = rows.encode(tokenizer, frame, a.max_length)
    lengths = [len(ids) for ids in encodings["input_ids"]]
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    labels, seconds = [""] * len(lengths), 0.0
    for start in range(0, len(order), a.batch):
        batch = order[start : start + a.batch]
        begin = time.perf_counter()
        result = logits(*padded(encodings, batch))
        seconds += time.perf_counter() - begin
        for i, best in zip(batch, result.argmax(1)):
            labels[i] = names[int(best)]
    return frame, labels, sum(lengths), seconds


label(3 * a.batch)
begin = time.perf_counter()
frame, labels, tokens, encoder = label()
pd.DataFrame({"id": frame.paperid, "label": labels}).to_csv(a.output, index=False)
job = time.perf_counter() - begin
print(json.dumps({
    "tokens_per_s": tokens / job, "encoder_tokens_per_s": tokens / encoder,
    "accuracy": float((frame.categories == labels).mean())}))
