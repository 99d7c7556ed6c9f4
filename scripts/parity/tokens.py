"""The ids of `intray tokenize` against Hugging Face tokenizers, text by text.

    tokens.py MODEL CSV...       columns title and abstract; whitespace runs become one space, for a text is a line here
"""

import json
import subprocess
import sys

import pandas as pd
from transformers import AutoTokenizer

model, files = sys.argv[1], sys.argv[2:]
peer = AutoTokenizer.from_pretrained(model, use_fast=True)
failed = 0
for file in files:
    with open(file, encoding="utf-8-sig") as text:
        header = text.readline()
    rows = pd.read_csv(file, sep=max("\t,;|", key=header.count), dtype=str, keep_default_na=False)
    texts = [" ".join(text.split()) for column in ("title", "abstract") for text in rows[column]]
    said = subprocess.run(["intray", "tokenize", "--json", "--model", model, "--max-length", "512"],
                          input="\n".join(texts) + "\n", capture_output=True, text=True, check=True).stdout
    lines = [json.loads(line) for line in said.splitlines()]
    assert len(lines) == len(texts), f"{file}: {len(lines)} lines for {len(texts)} texts"
    expected = peer(texts, truncation=True, max_length=512)["input_ids"]
    wrong = [line["text"] for line, ids in zip(lines, expected) if line["ids"] != ids]
    print(f"tokens   {file}: {len(texts) - len(wrong)} of {len(texts)} texts equal")
    for text in wrong[:5]:
        print(f"         differs: {text!r}")
    failed += len(wrong)
sys.exit(1 if failed else 0)
