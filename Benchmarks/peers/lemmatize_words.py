"""Looks the words of a file up with NLTK's WordNetLemmatizer, from memory. Prints JSON.

    lemmatize_words.py PART FILE      noun, verb, adjective or adverb; a word a line
"""

import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../scripts/parity"))
from wordnet import lemmatizer

part, file = sys.argv[1:]
letter = {"noun": "n", "verb": "v", "adjective": "a", "adverb": "r"}[part]
with open(file, encoding="utf-8") as text:
    words = text.read().split("\n")[:-1]
peer = lemmatizer()
peer.lemmatize("words", letter)
changed, begin = 0, time.perf_counter()
for word in words:
    changed += peer.lemmatize(word, letter) != word
print(json.dumps({"words_per_s": len(words) / (time.perf_counter() - begin), "changed": changed}))
