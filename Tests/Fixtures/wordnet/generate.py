"""Writes the fixtures of TextTests beside this script, as NLTK has them on Debian's wordnet-base 1:3.0-37.

Made with Python 3.11 and nltk 3.9.2:
    python Tests/Fixtures/wordnet/generate.py

lemmas.json     words, each with WordNetLemmatizer's lemma as noun, verb, adjective and adverb: edge cases by hand, every
                50th line of the lists of exceptions, and inflections, real and not, of every 2500th line of the indexes
synonyms.json   words, each with the synonyms of its first synset and of all its synsets, without the word itself
"""

import json
import sys
from pathlib import Path

here = Path(__file__).parent
sys.path.insert(0, str(here / "../../../scripts/parity"))
import nltk.corpus  # noqa: E402
from wordnet import FOLDER, lemmatizer  # noqa: E402

BY_HAND = """
us does working worked works axes men women children mice geese oxen data media criteria matrices indices analyses
lenses buses boxes quizzes churches bushes wolves knives wives flies skies ties dies lies as is was were be been being am
has had have having do did done doing goes went gone going better best worse worst good well further farther older eldest
happier happiest bigger biggest larger largest finer finest later latest red bed seed feed need used based given left
found saw seen lay lain ring wing string sing thing nothing king ing ed s es er est ses ies men's a i u x s n t
bass glass glasses class classes gas gases loss losses bias biases this his hers its ours cs cnns gans rnns
state-of-the-art well-known mother-in-law mothers-in-law neural_networks neural_network attorneys_general o'clock don't
dogs Dogs DOGS Men US iPhones NASA 1980s 10s 2s 24/7 3d 3D 100 word2vec k-means t-sne
naïve naives café cafés über Ünless ﬁnes 神経 μs ß İs résumés
aardwolves hardrock catss anythinggoeszxcv learning learned learnt meeting building setting training
""".split() + ["", " ", "dogs ", " dogs", "ice creams", "\u0000", "dogs\u0000", "s" * 300, "men" * 100]


def by_file():
    for name in ("noun", "verb", "adj", "adv"):
        lines = (Path(FOLDER) / f"{name}.exc").read_text().splitlines()
        yield from (line.split()[0] for line in lines[::50])
        lines = [line for line in (Path(FOLDER) / f"index.{name}").read_text().splitlines() if line[0] != " "]
        for line in lines[::2500]:
            lemma = line.split()[0]
            stem = lemma[:-1]
            yield from [lemma, lemma + "s", lemma + "es", lemma + "ed", lemma + "ing", lemma + "er", lemma + "est",
                        stem + "ies", stem + "ing", stem + "ves", lemma + "men"]


def names(synsets, word):
    found = {}
    for synset in synsets:
        for name in synset.lemma_names():
            name = name.replace("_", " ")
            if name.lower() != word:
                found.setdefault(name.lower(), name)
    return list(found.values())


def write(name, rows):
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (here / name).write_text(f"[\n{lines}\n]\n", encoding="utf-8")


peer = lemmatizer()
words = list(dict.fromkeys([*BY_HAND, *by_file()]))
write("lemmas.json", ([word, *(peer.lemmatize(word, part) for part in "nvar")] for word in words))
chosen = "car dog us does working better quickly galore models model network neural happy run set einstein xyzzy o'clock"
write("synonyms.json", (
    {"word": word, "first": names(nltk.corpus.wordnet.synsets(word)[:1], word),
     "all": names(nltk.corpus.wordnet.synsets(word), word)} for word in chosen.split()))
