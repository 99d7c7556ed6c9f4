"""Writes the fixtures of TokenizersTests beside this script, as Hugging Face's `tokenizers` has them.

Made with Python 3.11 and tokenizers 0.23.3:
    python Tests/Fixtures/tokenizers/generate.py BERT_VOCAB_TXT DEV_CSV

vocab.txt         a small vocabulary of its own making: all characters that the cases below become, most of them both at
                  the start of a word and inside one, some English pieces, and the special tokens
cases.json        texts: edge cases by hand, and random characters of every part of Unicode; each with its ids, and with
                  checksums of the ids under other rules
truncation.json   [first, second, maxLength, first kept, second kept] for pairs of every small length
dev-checksums.txt a checksum for each row of arxiv-cs36/dev.csv (nothing of the text): title and abstract as a pair, at
                  max lengths 64, 256 and 300, with white space collapsed and as it is, in this order
"""

import csv
import json
import random
import sys
import unicodedata
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

here = Path(__file__).parent
special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
rules = {
    "uncased": dict(clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True),
    "cased": dict(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=False),
    "accented": dict(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=True),
    "bare": dict(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False),
}


def tokenizer(tokens, rule):
    vocab = {token: id for id, token in enumerate(tokens)}
    result = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=100))
    result.normalizer = normalizers.BertNormalizer(**rules[rule])
    result.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    result.add_special_tokens(special)
    result.post_processor = processors.BertProcessing(("[SEP]", vocab["[SEP]"]), ("[CLS]", vocab["[CLS]"]))
    return result


def checksum(numbers, start=0x811C9DC5):
    """FNV-1a over 32-bit little-endian numbers."""
    hash = start
    for number in numbers:
        for byte in number.to_bytes(4, "little"):
            hash = (hash ^ byte) * 0x01000193 & 0xFFFFFFFF
    return hash


generator = random.Random(20240501)

by_hand = [
    "", " ", "\n\t\r ", "a", "Hello, World!", "don't stop-believing (it's 3.14%)", "snake_case $100 <b>x^2~y</b> `q` |",
    "unaffable unwanted running", "UNAFFABLE", "un##able ## #", "naïve café Ångström résumé", "nai\u0308ve cafe\u0301",
    "ÀÉÎÕÜ àéîõü ÇçÑñ", "İstanbul ıspanak I i İ", "Straße STRASSE ẞ ß", "ΣΊΣΥΦΟΣ σίσυφος ς", "ﬁ ﬂ ﬀ ŀ ǆ ǅ ĳ",
    "\u00adsoft\u00adhyphen", "zero\u200bwidth\u200cjoin\u200der\ufeff", "\u2060word\u2060joiner", "nul\x00in\x00side",
    "\x01\x02bell\x07\x1b[0m\x7f", "vertical\x0btab form\x0cfeed next\x85line", "replacement \ufffd char\ufffdacter",
    "line\u2028sep para\u2029graph", "no\u00a0break\u202fnarrow\u3000wide\u1680ogham\u2003em", "\u180emongolian",
    "😀", "👩‍👩‍👧‍👦 family 👍🏽 🇩🇪 ☺️", "a😀b", "日本語テキスト", "中文字符test混合", "한국어 문장 값 뷁", "\u1112\u1161\u11ab", "가각힣",
    "漢\u4e00\u9fff\u3400\u4dbf\U00020000\U0002a6df\U0002f800豈", "العربية مَرْحَبًا", "עִבְרִית שָׁלוֹם", "हिन्दी कि्षी", "ไทย ก็ที่", "தமிழ் கொ கௌ",
    "Việt Nam ở đâu Ữ", "Ǆ Ǳ Ȑ Ḁ Ṡ", "e\u0301\u0327\u0323x", "\u0301start", "a\u034fb", "x\u0344y", "\u0958\u095c",
    "\u212b\u2126\u212a\u037e\u0387\u1fef", "½ ² ³ ™ © € £ ¥ § ¶ ° ±", "« » ‹ › “ ” ‘ ’ – — … ‐ ‑ ‒ ― ‖ ‗", "¡ ¿ · • ※ ‼ ⁇",
    "、。〈〉《》「」【】〜・！＂＃＆（）", "𝐀𝛼𝟘 ｆｕｌｌ ＡＢＣ", "\ue000private\uf8ff\U000f0000\U0010fffd", "\u0378unassigned\uffff\U0001ffff",
    "[CLS] a [SEP] b [SEP]", "a[SEP]b", "[sep] [Sep] [SEP", "[[SEP]] [MASK][PAD][UNK]", "[SEP]", "x [MASK].", "[ SEP ]",
    "e[SEP]\u0301e", "a" * 100, "a" * 101, "é" * 100, "e\u0301" * 100, "e\u0301" * 101, "한" * 33, "한" * 34, "한" * 50,
    "b" * 99 + "é", "q" * 300 + " a " + "z" * 5000, "a " * 300, "." * 150, "中" * 150, "x" * 100 + "\u200b", "İ" * 60,
    "ﷺ", "\u0345\u03b1", "\U0001d15e\U0001d1bb", "\u0f71\u0f72", "\u1e9b\u0323", "\ufb1d\ufb2a", "\u0130\u0131\u0307",
    "𐐀𐐨 Ꭰꭰ Ა ა Ⴀ", "\u1c89\ua7cb\ua7da", "\U00016e40\U0001e900", "ⅠⅣ Ⓐⓐ", "\u1734\u0c00\u09fe",
]


def pages():
    """Random characters of each block of 256 that has any, with letters between them.

    A letter behind each combining mark, because the order of two neighbouring marks is not looked at (see TextRules).
    """
    for page in range(0x0000, 0x11_0000, 0x100):
        if 0xD800 <= page < 0xE000:
            continue
        assigned = [c for c in range(page, page + 0x100) if unicodedata.category(chr(c)) != "Cn"]
        if not assigned or (page > 0x3_1400 and page != 0xE_0100):
            continue
        text = ""
        for c in generator.choices(assigned, k=10) + generator.choices(range(page, page + 0x100), k=2):
            text += chr(c)
            if unicodedata.category(chr(c))[0] in "MC" or generator.random() < 0.2:
                text += generator.choice("aeg ")
        yield text


texts = by_hand + list(pages())

characters = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
for text in texts:
    for rule in rules:
        characters |= set(normalizers.BertNormalizer(**rules[rule]).normalize_str(text))
english = ["un", "##aff", "##able", "##want", "##ed", "run", "##ning", "naive", "cafe", "resume", "##believ", "hello", "world"]
tokens = special + english
for character in sorted(characters):
    if character.isspace():
        continue
    if character in "ae" or generator.random() < 0.9:
        tokens.append(character)
    if character in "ae" or generator.random() < 0.9:
        tokens.append(f"##{character}")
(here / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens), newline="\n")

cut = {rule: tokenizer(tokens, rule) for rule in rules}
cases = []
for text in texts:
    case = {"text": text, "ids": cut["uncased"].encode(text, add_special_tokens=False).ids}
    for rule in ["cased", "accented", "bare"]:
        case[rule] = checksum(cut[rule].encode(text, add_special_tokens=False).ids)
    cases.append(case)
(here / "cases.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")

truncation = []
for limit in range(3, 15):
    cut["uncased"].enable_truncation(limit, strategy="longest_first")
    for first in range(10):
        for second in range(10):
            types = cut["uncased"].encode("a " * first, "e " * second).type_ids
            truncation.append([first, second, limit, types.count(0) - 2, types.count(1) - 1])
(here / "truncation.json").write_text(json.dumps(truncation, separators=(",", ":")) + "\n")

if len(sys.argv) == 3:
    bert = tokenizer(Path(sys.argv[1]).read_text().split("\n")[:-1], "uncased")
    csv.field_size_limit(1 << 24)
    lines = []
    with open(sys.argv[2], newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            title, abstract = row["title"], row["abstract"]
            hash = 0x811C9DC5
            for first, second in [(" ".join(title.split()), " ".join(abstract.split())), (title, abstract)]:
                for limit in [64, 256, 300]:
                    bert.enable_truncation(limit, strategy="longest_first")
                    encoding = bert.encode(first, second)
                    hash = checksum([len(encoding.ids), *encoding.ids, *encoding.type_ids], hash)
            lines.append(f"{hash:08x}\n")
    (here / "dev-checksums.txt").write_text("".join(lines))
