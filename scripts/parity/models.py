"""Models in both directions: what Intray trains opens in transformers, and what transformers saves predicts here.

    models.py MODEL EXAMPLES

Logits and probabilities must agree within 1e-4 on 64 texts.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import pandas as pd
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

base, examples = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
LIMIT = 1e-4
work = tempfile.mkdtemp(prefix="intray-parity-")
failed = False


def intray(*arguments):
    done = subprocess.run(["intray", *arguments, "--json"], cwd=work, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"intray {' '.join(arguments)}: {done.stderr}")
    return json.loads(done.stdout)


def spec(name, text):
    with open(os.path.join(work, f"{name}.yaml"), "w", encoding="utf-8") as file:
        file.write(text)
    return f"{name}.yaml"


def peer_logits(folder, rows):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    clean = lambda column: [" ".join(text.split()) for text in rows[column]]
    logits = []
    with torch.inference_mode():
        for title, abstract in zip(clean("title"), clean("abstract")):
            batch = tokenizer(title, abstract, truncation=True, max_length=256, return_tensors="pt")
            logits.append(model(**batch).logits[0].numpy())
    return np.array(logits)


def compare(what, ours, theirs):
    global failed
    difference = float(np.abs(ours - theirs).max())
    failed |= not difference <= LIMIT
    print(f"models   {what}: largest difference {difference:.2e} (at most {LIMIT:.0e})")


train = pd.read_csv(os.path.join(examples, "train.csv")).head(96)
rows = pd.read_csv(os.path.join(examples, "new.csv")).head(64)
train.to_csv(os.path.join(work, "train.csv"), index=False)
rows.to_csv(os.path.join(work, "rows.csv"), index=False)
columns = "columns: {id: paperid, text: [title, abstract], label: categories}"

# 1. Trained here, opened there.
job = intray("run", spec("trained", f"run: finetune\ndata: {{train: train.csv, test: rows.csv, {columns}}}\n"
                         f"with: {{model: {base}, head: pooler, epochs: 1}}\n"))
compare("trained here, opened in transformers, logits", np.load(os.path.join(job["folder"], "test_logits.npy")),
        peer_logits(os.path.join(job["folder"], "model"), rows))

# 2. Saved there, opened here.
torch.manual_seed(1)
labels = [f"label {index}" for index in range(8)]
model = AutoModelForSequenceClassification.from_pretrained(
    base, num_labels=8, id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)})
torch.nn.init.normal_(model.classifier.weight, std=0.5)
folder = os.path.join(work, "saved")
model.save_pretrained(folder)
AutoTokenizer.from_pretrained(base).save_pretrained(folder)
logits = peer_logits(folder, rows)
exponents = np.exp(logits - logits.max(1, keepdims=True))
job = intray("run", spec("labelled", "run: infer\ndata: {input: rows.csv, columns: {id: paperid, text: [title, abstract]}}\n"
                         f"with: {{model: {folder}, probabilities: true}}\n"))
compare("saved by transformers, opened here, probabilities", np.load(os.path.join(job["folder"], "probabilities.npy")),
        exponents / exponents.sum(1, keepdims=True))

shutil.rmtree(work)
sys.exit(1 if failed else 0)
