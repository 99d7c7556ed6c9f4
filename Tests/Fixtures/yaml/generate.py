#!/usr/bin/env python3
"""Writes the cases whose bytes an editor would spoil. Python 3.11; no other versions matter: the bytes are literal."""
import pathlib

CASES = {
    "not-utf8": b"run: finetune\nname: caf\xe9\n",
    "nul-byte": b"run: fine\0tune\n",
    "control-character": b"run: finetune\nname: a\x07b\n",
    "tab-indentation": b"run: finetune\nwith:\n\tepochs: 2\n",
    "utf16": "run: finetune\n".encode("utf-16"),
    "nested-too-deep": b"run: finetune\nwith: " + b"[" * 70 + b"]" * 70 + b"\n",
    "alias-bomb": b"run: finetune\nwith:\n  a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + b"".join(
        b"  %c: &%c [%s]\n" % (c, c, b", ".join([b"*%c" % (c - 1)] * 10)) for c in range(ord("b"), ord("h"))
    ),
    "too-many-values": b"run: finetune\nwith:\n  a: [" + b"1," * 100_000 + b"1]\n",
}

for name, content in CASES.items():
    folder = pathlib.Path(__file__).parent / name
    folder.mkdir(exist_ok=True)
    (folder / "spec.yaml").write_bytes(content)
