#!/usr/bin/env python3
"""Writes the broken tables. Python 3.11; no other versions matter: the bytes are literal."""
import pathlib

CASES = {
    "empty-file": b"",
    "only-byte-order-mark": b"\xef\xbb\xbf",
    "blank-header": b"\nid,text\n1,a\n",
    "header-only": b"id,text\n",
    "header-unnamed-column": b"id,,text\n1,2,3\n",
    "header-duplicate-name": b"id,text,id\n1,a,2\n",
    "unclosed-quote": b'id,text\n1,a\n2,"b\n3,c\n4,d\n',
    "unclosed-quote-second-field": b'id,text,more\n1,"a\nb","c\n2,d,e\n',
    "unclosed-quote-in-header": b'id,"text\n1,a\n',
    "quote-inside-field": b'id,text\n1,a "b" c\n2,d\n',
    "text-after-quote": b'id,text\n1,"a" b\n2,c\n',
    "quote-not-doubled": b'id,text\n1,"Hey, I missed "it""\n2,c\n',
    "quote-swallows-lines": b'id,text\n1,"a\n2,b\n3,"c"\n4,d\n',
    "too-few-fields": b"id,text,label\n1,a,x\n2,b\n3,c,y\n",
    "too-many-fields": b"id,text\n1,a\n2,b,c\n3,d\n",
    "one-field": b"id,text\n1,a\n2\n",
    "quote-eats-row": b'id,text\n1,"a\n2,b"\n3\n',
    "fields-over-lines": b'id,text,label\n"1\n2","3\n4"\n',
    "nul-byte": b"id,text\n1,a\x00b\n2,c\n",
    "nul-bytes-in-header": b"i\x00d,text\n1,a\n",
    "not-utf8": b"id,text\n1,caf\xe9\n2,c\n",
    "not-utf8-after-wide-text": "id,text\n1,größe ".encode() + b"\xe9\n",
    "not-utf8-overlong": b"id,text\n1,\xc0\xaf\n",
    "not-utf8-surrogate": b"id,text\n1,\xed\xa0\x80\n",
    "not-utf8-cut-at-end": b"id,text\n1,caf\xc3",
    "utf16": "id,text\n1,a\n".encode("utf-16"),
    "several-faults": b"id,text\n1\n2,b\n3,a\"b\n4,d\n5,\xff\n6,f\n7,g,h\n8,\"i\n",
    "crlf-fault": b"id,text\r\n1,a\r\n2\r\n3,c\r\n",
    "cr-fault": b"id,text\r1,a\r2\r3,c\r",
    "mixed-line-ends": b"id,text\n1,a\r\n2,b\r3\n4,d\n",
    "semicolon-fault": b"id;text;label\n1;a, b;x\n2;c, d\n",
    "tab-fault": b"id\ttext\n1\ta, b\n2\tc\td\n",
    "many-faults": b"id,text\n" + b"1\n" * 30,
}

for name, content in CASES.items():
    folder = pathlib.Path(__file__).parent / name
    folder.mkdir(exist_ok=True)
    (folder / "table.csv").write_bytes(content)
