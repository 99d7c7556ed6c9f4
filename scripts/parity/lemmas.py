"""The lemmas of `intray lemmatize` against NLTK's WordNetLemmatizer, for every distinct token of the texts.

    lemmas.py CSV...             columns title and abstract

Tokens are the runs between white space, as they are and in lower case, and the words in these: for NLTK, too, a word is a
word whatever it is made of.
"""

import csv
import itertools
import json
import re
import subprocess
import sys
import time

from wordnet import lemmatizer

csv.field_size_limit(1 << 24)
PARTS = {"noun": "n", "verb": "v", "adjective": "a", "adverb": "r"}
TIMED = 1_000_000


def texts(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        delimiter = max(",\t;|", key=file.readline().count)
        file.seek(0)
        for row in csv.DictReader(file, delimiter=delimiter):
            yield row["title"]
            yield row["abstract"]


def tokens(text):
    for token in text.split():
        yield token
        yield token.lower()
        yield from re.findall(r"\w+", token.lower())


def intray(words, *options):
    return subprocess.run(["intray", "lemmatize", "--json", *options], input="\n".join(words) + "\n",
                          capture_output=True, text=True, check=True).stdout


peer = lemmatizer()
failed = 0
for file in sys.argv[1:]:
    words, running = {}, []
    for text in texts(file):
        words.update(dict.fromkeys(tokens(text)))
        if len(running) < TIMED:
            running += re.findall(r"\w+", text.lower())
    words = list(words)
    running = list(itertools.islice(itertools.cycle(running), TIMED))
    lines = [json.loads(line) for line in intray(words).split("\n")[:-1]]
    assert [line["word"] for line in lines] == words, f"{file}: other words came back"
    for part, letter in PARTS.items():
        wrong = [(line["word"], line["lemmas"][part], lemma) for line in lines
                 if line["lemmas"][part] != (lemma := peer.lemmatize(line["word"], letter))]
        print(f"lemmas   {file}: as {part}, {len(words) - len(wrong)} of {len(words)} equal")
        for word, ours, theirs in wrong[:5]:
            print(f"         differs: {word!r}: {ours!r}, NLTK {theirs!r}")
        failed += len(wrong)
    for part, letter in PARTS.items():
        speed = json.loads(intray(running, "--speed", "--pos", part))
        begin = time.perf_counter()
        changed = sum(peer.lemmatize(word, letter) != word for word in running)
        rate = len(running) / (time.perf_counter() - begin)
        assert speed["changed"] == changed, f"{speed['changed']} words changed, by NLTK {changed}"
        ours = speed["words_per_s"]["1"]
        print(f"lemmas   {file}: as {part}, one thread: {ours / 1e6:.2f} million words a second, NLTK {rate / 1e6:.2f}: "
              f"{ours / rate:.1f}x")
sys.exit(1 if failed else 0)
