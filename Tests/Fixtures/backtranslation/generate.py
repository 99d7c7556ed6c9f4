#!/usr/bin/env python3
"""Writes the bad tables beside it. Python 3.11, standard library only."""

from pathlib import Path

HERE = Path(__file__).parent

# name: (file, content, message)
MOSES = "a house ||| une maison ||| 0.5 0.4 0.3 0.2 ||| 0-0 1-1 ||| 10 20 5\n"
CASES = {
    "sentences-wrong-columns": (
        "table.csv", b"id,translation\n1,a b\n2,c,d\n", "table.csv:3: 3 fields where the header has 2"),
    "sentences-no-key": (
        "table.csv", b"key,translation\n1,a b\n",
        "table.csv:1: neither a column 'id' nor a column 'text'; the header has key, translation"),
    "sentences-no-translation": (
        "table.csv", b"id,translated\n1,a b\n",
        "table.csv:1: no column 'translation'; the header has id, translated; did you mean 'translated'?"),
    "sentences-not-utf8": (
        "table.csv", b"id,translation\n1,a b\n2,caf\xe9\n", "table.csv:3:6: not UTF-8; save the file as UTF-8"),
    "sentences-empty-translation": (
        "table.csv", b"id,translation\n1,a b\n2,\" \t\"\n", "table.csv:3: the translation is empty"),
    "sentences-empty-id": ("table.csv", b"id,translation\n,a b\n", "table.csv:2: the id is empty"),
    "sentences-empty-text": ("table.csv", b"text,translation\n\" \",a b\n", "table.csv:2: the text is empty"),
    "sentences-no-rows": ("table.csv", b"id,translation\n", "table.csv: no rows after the header"),
    "sentences-two-translations": (
        "table.csv", b"id,translation\n1,a b\n2,b\n1,a b\n1,c\n",
        "table.csv:5: id '1' has another translation on line 2; keep one of them"),
    "sentences-two-translations-of-a-text": (
        "table.csv", b"text,translation\nx y,a b\nx y,c\n",
        "table.csv:3: text 'x y' has another translation on line 2; keep one of them"),
    "sentences-circle-of-two": (
        "table.csv", b"text,translation\nq,r\na b,c d\nz,y\nc d,a b\n",
        "table.csv:5: the translations of lines 3, 5 lead in a circle; a translation must not be a text of the table "
        "that leads back"),
    "sentences-circle-of-three": (
        "table.csv", b"text,translation\na,b\nb,c\nx,a\nc,a\n",
        "table.csv:5: the translations of lines 2, 3, 5 lead in a circle; a translation must not be a text of the table "
        "that leads back"),
    "phrases-empty-file": ("phrases.txt", b"\n \n", "phrases.txt: no phrases in the file"),
    "phrases-no-format": (
        "phrases.txt", b"\nhouse maison\n",
        "phrases.txt:2: neither 'source ||| target ||| scores' nor 'source TAB target'"),
    "dictionary-one-field": (
        "phrases.txt", b"house\tmaison\ncat chat\n",
        "phrases.txt:2: 1 field where 'source TAB target' has 2"),
    "dictionary-three-fields": (
        "phrases.txt", b"house\tmaison\ncat\tchat\tchatte\n",
        "phrases.txt:2: 3 fields where 'source TAB target' has 2"),
    "dictionary-empty-source": ("phrases.txt", b"house\tmaison\n \tchat\n", "phrases.txt:2: the source is empty"),
    "dictionary-empty-target": ("phrases.txt", b"house\tmaison\ncat\t \n", "phrases.txt:2: the target is empty"),
    "dictionary-not-utf8": (
        "phrases.txt", b"house\tmaison\ncoffee\tcaf\xe9\n",
        "phrases.txt:2:11: not UTF-8; a packed table must be unpacked first, and text saved as UTF-8"),
    "dictionary-nul": (
        "phrases.txt", b"house\tmaison\ncat\tch\0t\n",
        "phrases.txt:2:7: a NUL byte: this is no text; a packed table must be unpacked first, and text saved as UTF-8"),
    "moses-two-fields": (
        "phrases.txt", MOSES.encode() + b"a ||| b\n",
        "phrases.txt:2: 2 fields where 'source ||| target ||| scores' has 3 to 8"),
    "moses-nine-fields": (
        "phrases.txt", MOSES.encode() + b"a ||| b ||| 1 1 1 1 ||| ||| ||| ||| ||| |||\n",
        "phrases.txt:2: 9 fields where 'source ||| target ||| scores' has 3 to 8"),
    "moses-dictionary-line": (
        "phrases.txt", MOSES.encode() + b"a\tb\n",
        "phrases.txt:2: 1 field where 'source ||| target ||| scores' has 3 to 8"),
    "moses-score-is-text": (
        "phrases.txt", MOSES.encode() + b"a ||| b ||| 1 1 high 1\n", "phrases.txt:2: the score 'high' is no number"),
    "moses-score-is-nan": (
        "phrases.txt", MOSES.encode() + b"a ||| b ||| 1 1 nan 1\n", "phrases.txt:2: the score 'nan' is no number"),
    "moses-score-is-infinite": (
        "phrases.txt", MOSES.encode() + b"a ||| b ||| inf 1 1 1\n", "phrases.txt:2: the score 'inf' is no number"),
    "moses-score-is-negative": (
        "phrases.txt", MOSES.encode() + b"a ||| b ||| 1 -0.5 1 1\n", "phrases.txt:2: the score '-0.5' is no number"),
    "moses-probability-is-zero": (
        "phrases.txt", MOSES.encode() + b"a ||| b ||| 1 1 0 1\n",
        "phrases.txt:2: the third score, p(target | source), is 0; it must be more than 0 and at most 1"),
    "moses-probability-above-one": (
        "phrases.txt", MOSES.encode() + b"a ||| b ||| 1 1 1.5 1\n",
        "phrases.txt:2: the third score, p(target | source), is 1.5; it must be more than 0 and at most 1"),
    "moses-three-scores": (
        "phrases.txt", MOSES.encode() + b"a ||| b ||| 1 1 1\n", "phrases.txt:2: 3 scores; Moses writes 4"),
    "moses-no-scores": (
        "phrases.txt", MOSES.encode() + b"a ||| b ||| \n", "phrases.txt:2: 0 scores; Moses writes 4"),
    "moses-empty-source": (
        "phrases.txt", MOSES.encode() + b" ||| b ||| 1 1 1 1\n", "phrases.txt:2: the source is empty"),
    "moses-empty-target": (
        "phrases.txt", MOSES.encode() + b"a ||| ||| 1 1 1 1\n", "phrases.txt:2: the target is empty"),
    "moses-long-line": (
        "phrases.txt", MOSES.encode() + b"a ||| " + b"b" * 65530 + b" ||| 1 1 1 1\n",
        "phrases.txt:2: the line is longer than the limit of 65536 bytes"),
}

for name, (file, content, message) in CASES.items():
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    (folder / file).write_bytes(content)
    (folder / "expected.txt").write_text(message + "\n", encoding="utf-8")
