"""NLTK's lemmatizer on Debian's WordNet, for the scripts of this folder, of Benchmarks/peers and of Tests/Fixtures/wordnet."""

import os
import shutil
import tempfile
import warnings

import nltk.corpus
import nltk.data
from nltk.corpus.reader.wordnet import WordNetCorpusReader

FOLDER = "/usr/share/wordnet"
# The package has no lexnames, whose names no lemma depends on: lexnames(5WN).
LEXICOGRAPHER_FILES = 45


class Reader(WordNetCorpusReader):
    def map_wn(self, *_):
        """To the wordnets of other languages, which are not here."""


def open_reader():
    # Copies: NLTK 3.10 does not follow links out of a folder.
    with tempfile.TemporaryDirectory() as folder:
        for name in os.listdir(FOLDER):
            shutil.copy(os.path.join(FOLDER, name), folder)
        with open(os.path.join(folder, "lexnames"), "w", encoding="utf-8") as file:
            file.writelines(f"{number:02d}\tfile{number}\t1\n" for number in range(LEXICOGRAPHER_FILES))
        nltk.data.path.append(folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that other languages are not here
            reader = Reader(folder, None)
        for part in "nvar":
            reader._data_file(part)  # open while they are there
        return reader


def lemmatizer():
    """NLTK's own class, which takes the corpus that is at this place."""
    nltk.corpus.wordnet = open_reader()
    from nltk.stem import WordNetLemmatizer

    return WordNetLemmatizer()
