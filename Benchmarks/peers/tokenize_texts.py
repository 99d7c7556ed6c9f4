"""Cuts the lines of a file with Hugging Face tokenizers, from memory. Prints JSON.

    tokenize_texts.py MODEL FILE MAXIMUM      threads: TOKENIZERS_PARALLELISM and RAYON_NUM_THREADS
"""

import json
import os
import sys
import time

from tokenizers import Tokenizer

model, file, maximum = sys.argv[1:]
tokenizer = Tokenizer.from_file(os.path.join(model, "tokenizer.json"))
tokenizer.no_padding()
tokenizer.enable_truncation(int(maximum))
with open(file, encoding="utf-8") as text:
    texts = text.read().splitlines()
tokenizer.encode_batch_fast(texts[:100])
tokens, begin = 0, time.perf_counter()
for start in range(0, len(texts), 1000):
    tokens += sum(map(len, tokenizer.encode_batch_fast(texts[start : start + 1000])))
seconds = time.perf_counter() - begin
size = sum(len(text.encode()) for text in texts)
print(json.dumps({"mib_per_s": size / 2**20 / seconds, "tokens": tokens}))
