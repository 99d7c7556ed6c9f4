#!/usr/bin/env python3
"""Compares Intray's models with transformers on real texts: logits of a `pooler` model within 1e-4, and a model that
Intray saved opens in BertForSequenceClassification with equal logits.

    swift build -c release --build-tests
    python3 scripts/parity/transformers_parity.py --model .intray/models/all-MiniLM-L6-v2 \
        --data ../shared/data/arxiv-cs36/dev.csv [--rows 64]

Needs torch, transformers and safetensors. Intray's side is the test `ParityTests`, which reads a job from the file that
INTRAY_PARITY names. Classifier weights are random; the encoder's are those of the model.
"""
import argparse, csv, json, os, shutil, subprocess, sys, tempfile

import torch
from transformers import BertForSequenceClassification, BertTokenizerFast

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model", required=True)
parser.add_argument("--data", required=True)
parser.add_argument("--rows", type=int, default=64)
parser.add_argument("--max-length", type=int, default=256)
parser.add_argument("--configuration", choices=["debug", "release"], default="release")
a = parser.parse_args()

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
labels = [f"class {i}" for i in range(8)]
tokenizer = BertTokenizerFast.from_pretrained(a.model)
with open(a.data, newline="", encoding="utf-8") as file:
    delimiter = max("\t,;|", key=file.readline().count)
    file.seek(0)
    rows = [row for row, _ in zip(csv.DictReader(file, delimiter=delimiter), range(a.rows))]
clean = lambda text: " ".join(text.split())
texts = [clean(row["title"]) for row in rows], [clean(row["abstract"]) for row in rows]
encodings = tokenizer(*texts, truncation=True, max_length=a.max_length)


def logits(model):
    """One text at a time: no padding."""
    model.eval()
    with torch.inference_mode():
        return torch.cat([
            model(input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([segments])).logits
            for ids, segments in zip(encodings["input_ids"], encodings["token_type_ids"])
        ])


def intray(folder, **job):
    """Opens the model in Intray, saves it again if asked to, and returns its logits."""
    job |= {
        "model": folder, "ids": encodings["input_ids"], "segments": encodings["token_type_ids"],
        "logits": os.path.join(work, "logits.json"),
    }
    path = os.path.join(work, "job.json")
    with open(path, "w") as file:
        json.dump(job, file)
    command = ["swift", "test", "--skip-build", "-c", a.configuration, "--filter", "ParityTests"]
    done = subprocess.run(command, cwd=root, env=os.environ | {"INTRAY_PARITY": path}, capture_output=True, text=True)
    if done.returncode != 0 or not os.path.exists(job["logits"]):
        sys.exit(f"{' '.join(command)}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    with open(job["logits"]) as file:
        result = torch.tensor(json.load(file))
    os.remove(job["logits"])
    return result


def compare(what, found, expected, tolerance):
    difference = (found - expected).abs().max().item()
    agree = (found.argmax(1) == expected.argmax(1)).float().mean().item()
    print(f"{what}: largest difference {difference:.2e} (allowed {tolerance:.0e}), same class in {agree:.1%} of {len(found)}")
    # A comparison of constants would prove nothing.
    if not difference <= tolerance or expected.std() < 1e-3:
        sys.exit("FAILED")


def open_saved(folder):
    model, info = BertForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    wrong = {key: sorted(info[key]) for key in ("missing_keys", "unexpected_keys", "mismatched_keys") if info[key]}
    if wrong:
        sys.exit(f"FAILED: transformers opens what Intray saved with {wrong}")
    if [model.config.id2label[i] for i in range(len(labels))] != labels:
        sys.exit(f"FAILED: id2label is {model.config.id2label}")
    return model


with tempfile.TemporaryDirectory() as work:
    torch.manual_seed(0)
    numbered = dict(enumerate(labels))
    model = BertForSequenceClassification.from_pretrained(
        a.model, id2label=numbered, label2id={name: i for i, name in numbered.items()})
    torch.nn.init.normal_(model.classifier.weight, std=0.5)
    theirs = os.path.join(work, "theirs")
    model.save_pretrained(theirs)
    tokenizer.save_pretrained(theirs)
    expected = logits(model)
    ours = os.path.join(work, "ours")
    compare("transformers' model in Intray", intray(theirs, save=ours), expected, 1e-4)
    compare("saved by Intray, opened in transformers", logits(open_saved(ours)), expected, 1e-6)

    # From the base model: Intray makes the classifier.
    new = os.path.join(work, "new")
    found = intray(a.model, head="pooler", labels=labels, save=new)
    compare("Intray's new model in transformers", logits(open_saved(new)), found, 1e-4)
