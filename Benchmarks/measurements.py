"""What is measured. A measurement has contestants, which run in turn, and comparisons between their medians."""

import dataclasses
import functools
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable

from corpus import Corpus
from engines import BATCH, MAX_LENGTH, Intray, Peers, Refused
from process import python

INFERENCE_PEERS = ["torch-fp32", "torch-bf16", "ort-fp32", "ort-int8", "openvino-fp32", "openvino-bf16"]

WORKS = ["training", "inference"]


@dataclasses.dataclass
class Comparison:
    """One contestant over the best of others."""

    contestant: str
    others: list[str]
    figure: str
    of: str = ""


@dataclasses.dataclass
class Measurement:
    title: str
    # Heading: (figure, number format)
    columns: dict[str, tuple[str, str]]
    contestants: dict[str, Callable[[], dict]]
    comparisons: list[Comparison] = dataclasses.field(default_factory=list)
    # A measurement of quality, not of speed, runs once.
    once: bool = False


class Workshop:
    """What the measurements share: texts, models, programs."""

    def __init__(self, root, data, work, scale, threads):
        self.root, self.work, self.scale, self.threads = root, work, scale, threads
        self.corpus = Corpus(data, os.path.join(root, "Inbox/examples"), work)
        self.intray, self.peers = Intray(work), Peers(work)
        caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        self.cache = os.path.join(caches, "intray/benchmarks")
        os.makedirs(self.cache, exist_ok=True)

    def count(self, number, least=40):
        return max(least, round(number * self.scale))

    @property
    def minilm(self):
        return os.path.join(self.root, ".intray/models/all-MiniLM-L6-v2")

    @functools.cached_property
    def base(self):
        """A model of bert-base's shape with random weights."""
        return self._cached("bert-base-random", lambda folder: python("prepare.py", "base", self.minilm, folder))

    @functools.cached_property
    def classifier_rows(self):
        return min(self.count(4000, least=200), len(self.corpus.rows["train"]))

    @functools.cached_property
    def classifier(self):
        """MiniLM, fine-tuned by this engine for two epochs."""
        train = self.corpus.cut("train", self.classifier_rows)
        with open(train, "rb") as file:
            name = "classifier-" + hashlib.file_digest(file, "sha256").hexdigest()[:16]
        return self._cached(name, lambda folder: self.intray.finetune(
            train, self.minilm, "auto", self.threads, keep=os.path.join(folder, "model"), epochs=2))

    @property
    def classifier_model(self):
        return os.path.join(self.classifier, "model")

    @functools.cached_property
    def onnx(self):
        return self._cached(
            os.path.basename(self.classifier) + "-onnx",
            lambda folder: python("prepare.py", "onnx", self.classifier_model, folder))

    @functools.cache
    def lengths(self, model, file):
        return python("prepare.py", "lengths", model, file, MAX_LENGTH)[0]

    @functools.cached_property
    def known_labels(self):
        return self.corpus.labels(self.classifier_rows)

    def _cached(self, name, make):
        """A folder that is there whole or not at all."""
        path = os.path.join(self.cache, name)
        if not os.path.exists(path):
            folder = tempfile.mkdtemp(dir=self.cache)
            try:
                make(folder)
                os.rename(folder, path)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        return path


def training_flops(model, lengths):
    """Model FLOPs of a training step per real token, from config.json. H: hidden, I: intermediate, L: layers, T: tokens
    of the row.

    Products with weights: 2 (4 H^2 + 2 H I) L forward (query, key, value, output, up, down), and twice that backward.
    Attention: 4 T H L forward (scores, context), and 2.5 times that backward (the scores again, and four gradients).
    Embeddings, norms, the head and the optimiser are not counted, and neither is padding.
    """
    with open(os.path.join(model, "config.json"), encoding="utf-8") as file:
        shape = json.load(file)
    hidden, layers = shape["hidden_size"], shape["num_hidden_layers"]
    products = 2 * (4 * hidden**2 + 2 * hidden * shape["intermediate_size"]) * layers
    attention = 4 * hidden * layers * lengths["squares"] / lengths["tokens"]
    return 3 * products + 3.5 * attention


def finetune(shop, name, model, count, precision):
    train = shop.corpus.cut("train", shop.count(count))
    lengths = shop.lengths(model, train)
    flops = training_flops(model, lengths)
    peaks = {}

    def peak():
        peaks.update(shop.intray.peaks())
        if shop.threads not in peaks.get(precision, {}):
            raise Refused(f"`intray doctor` has no speed of {precision} products with {shop.threads} threads")
        return {"gflops": peaks[precision][shop.threads]}

    def rated(run):
        run["gflops"] = run["tokens_per_s"] * flops / 1e9
        if shop.threads in peaks.get(precision, {}):
            run["share"] = 100 * run["gflops"] / peaks[precision][shop.threads]
        return run

    ours, theirs = f"intray {precision}", f"pytorch {precision}"
    return Measurement(
        f"Fine-tuning {name} in {precision}: batch {BATCH}, max length {MAX_LENGTH}, {lengths['rows']} rows of "
        f"{lengths['tokens'] / lengths['rows']:.0f} tokens, {shop.threads} threads",
        {"samples/s": ("samples_per_s", ".2f"), "real tokens/s": ("tokens_per_s", ",.0f"), "GFLOP/s": ("gflops", ".0f"),
         "% of the peak": ("share", ".0f"), "peak MiB": ("peak_mib", ",.0f"), "loss": ("loss", ".3f")},
        {f"{precision} peak": peak,
         ours: lambda: rated(shop.intray.finetune(train, model, precision, shop.threads)),
         theirs: lambda: rated(shop.peers.finetune(train, model, precision, shop.threads))},
        [Comparison(ours, [theirs], "tokens_per_s", "speed"), Comparison(ours, [theirs], "peak_mib", "memory")])


def infer(shop):
    file = shop.corpus.cut("dev", shop.count(2000), shop.known_labels)
    tokens = shop.lengths(shop.minilm, file)["tokens"]
    contestants = {}
    for precision in ("fp32", "bf16", "int8"):
        contestants[f"intray {precision}"] = functools.partial(
            shop.intray.infer, file, tokens, shop.classifier_model, precision, shop.threads)
    for engine in INFERENCE_PEERS:
        contestants[engine] = functools.partial(
            shop.peers.infer, engine, file, shop.classifier_model, shop.onnx, shop.threads)
    peers = {precision: [e for e in INFERENCE_PEERS if e.endswith(precision)] for precision in ("fp32", "bf16")}
    return Measurement(
        f"Inference with MiniLM from CSV to CSV: {tokens:,} real tokens, {shop.threads} threads",
        {"real tokens/s": ("tokens_per_s", ",.0f"), "encoder alone": ("encoder_tokens_per_s", ",.0f"),
         "without start-up": ("engine_tokens_per_s", ",.0f"), "process s": ("process_s", ".1f"),
         "peak MiB": ("peak_mib", ",.0f")},
        contestants,
        [Comparison("intray fp32", peers["fp32"], "tokens_per_s"),
         Comparison("intray bf16", peers["bf16"], "tokens_per_s"),
         Comparison("intray int8", INFERENCE_PEERS, "tokens_per_s")])


def accuracy(shop):
    count = sum(row[3] in shop.known_labels for row in shop.corpus.rows["dev"])
    file = shop.corpus.cut("dev", min(count, shop.count(count)), shop.known_labels)
    lengths = shop.lengths(shop.minilm, file)
    tokens = lengths["tokens"]

    def percent(run):
        return {"accuracy": 100 * run["accuracy"]}

    contestants = {
        f"intray {p}": lambda p=p: percent(shop.intray.infer(file, tokens, shop.classifier_model, p, shop.threads))
        for p in ("fp32", "bf16", "int8")}
    contestants |= {
        e: lambda e=e: percent(shop.peers.infer(e, file, shop.classifier_model, shop.onnx, shop.threads))
        for e in ("torch-fp32", "ort-int8", "openvino-bf16")}
    return Measurement(
        f"Accuracy of one model (MiniLM, {shop.classifier_rows} rows, two epochs) on {lengths['rows']} rows in each "
        "precision", {"accuracy %": ("accuracy", ".2f")}, contestants, once=True)


def threads(shop):
    if shop.threads == 1:
        raise Refused("there is one core only")
    turns = shop.count(12, least=3)
    texts = shop.corpus.papers(200)
    contestants, comparisons = {}, []
    for precision, works in {"fp32": WORKS, "bf16": WORKS, "int8": WORKS[1:]}.items():
        measured = {}

        def figures(precision, measured, key):
            """The first contestant of a pair measures for all of its precision: they take turns in one process."""
            if key not in measured:
                measured.update(shop.intray.speed(texts, shop.minilm, precision, turns))
            return measured.pop(key)

        for work in works:
            names = [f"{work} {precision}, {count}" for count in (shop.threads, 1)]
            for name, count in zip(names, (shop.threads, 1)):
                contestants[name] = functools.partial(figures, precision, measured, (work, count))
            comparisons.append(Comparison(names[0], names[1:], "tokens_per_s"))
    return Measurement(
        f"{shop.threads} threads and one, MiniLM, {turns} turns in each pair", {"real tokens/s": ("tokens_per_s", ",.0f")},
        contestants, comparisons)


def tokenize(shop):
    texts = shop.corpus.lines(shop.count(20_000))

    def ours(threads):
        result = shop.intray.tokenize(texts, shop.minilm)
        return {"mib_per_s": result["mib_per_s"][str(threads)], "tokens": result["tokens"]}

    counts = sorted({1, shop.threads})
    contestants = {}
    for count in counts:
        contestants[f"intray, {count}"] = functools.partial(ours, count)
        contestants[f"tokenizers, {count}"] = functools.partial(shop.peers.tokenize, texts, shop.minilm, count)
    return Measurement(
        f"Tokenising {os.path.getsize(texts) / 2**20:.1f} MiB of texts from memory, cut to {MAX_LENGTH} tokens, with "
        f"{' and '.join(map(str, counts))} threads",
        {"MiB/s": ("mib_per_s", ".1f"), "tokens": ("tokens", ",.0f")},
        contestants,
        [Comparison(f"intray, {count}", [f"tokenizers, {count}"], "mib_per_s") for count in counts])


def augment(shop):
    few, many = shop.corpus.cut("train", shop.count(1000)), shop.corpus.cut("train", shop.count(20_000))
    contestants, comparisons = {}, []
    for operation, theirs in (("deletion", "delete"), ("swap", "swap")):
        contestants[f"intray {operation}"] = functools.partial(shop.intray.augment, many, [operation], 1)
        contestants[f"nlpaug {operation}"] = functools.partial(shop.peers.augment, theirs, few)
        comparisons.append(Comparison(f"intray {operation}", [f"nlpaug {operation}"], "rows_per_s"))
    for operation in ("insertion", "synonym"):
        contestants[f"intray {operation}"] = functools.partial(shop.intray.augment, many, [operation], 1)
    return Measurement(
        "One changed copy of titles and abstracts from memory, one thread; and the whole job from CSV to CSV",
        {"rows/s": ("rows_per_s", ",.0f"), "from CSV to CSV": ("job_rows_per_s", ",.0f"), "peak MiB": ("peak_mib", ",.0f")}, contestants, comparisons)


def augmentation(shop):
    """Without copies twice as many epochs, so that as many rows are seen as with one copy of each."""
    train, dev = shop.corpus.cut("train", shop.count(4000)), shop.corpus.cut("dev", shop.count(5000))
    kinds = {"none": [], "EDA": ["synonym"], "back-translation": ["backtranslation"],
             "both": ["synonym", "backtranslation"]}

    def classify(operations, seed):
        file = os.path.join(shop.work, "-".join(["augmented", *operations]) + ".csv")
        if operations and not os.path.exists(file):
            shop.intray.augmented(train, operations, shop.threads, file)
        model = os.path.join(shop.work, "augmentation")
        shop.intray.finetune(file if operations else train, shop.minilm, "auto", shop.threads, model,
                             epochs=2 if operations else 4, seed=seed, batch=16, max_length=128)
        try:
            run = shop.intray.infer(dev, 0, model, "auto", shop.threads, max_length=128)
            return {"accuracy": 100 * run["accuracy"]}
        finally:
            shutil.rmtree(model)

    return Measurement(
        f"Accuracy of MiniLM (at most 128 tokens), trained with {shop.count(4000)} rows and copies of them, on "
        f"{shop.count(5000)} rows",
        {"accuracy %": ("accuracy", ".2f")},
        {f"{kind}, seed {seed}": functools.partial(classify, operations, seed)
         for seed in (42, 1, 2) for kind, operations in kinds.items()}, once=True)


def lemmatize(shop):
    words = shop.corpus.words(shop.count(5_000))

    def ours(part):
        result = shop.intray.lemmatize(words, part)
        return {"words_per_s": result["words_per_s"]["1"], "changed": result["changed"]}

    parts = ("noun", "verb", "adjective", "adverb")
    contestants = {}
    for part in parts:
        contestants[f"intray, {part}"] = functools.partial(ours, part)
        contestants[f"nltk, {part}"] = functools.partial(shop.peers.lemmatize, words, part)
    contestants["intray, auto"] = functools.partial(ours, "auto")
    with open(words, encoding="utf-8") as file:
        count = sum(1 for _ in file)
    return Measurement(
        f"Looking up the lemmas of {count:,} words from memory, with one thread",
        {"words/s": ("words_per_s", ",.0f"), "changed": ("changed", ",.0f")}, contestants,
        [Comparison(f"intray, {part}", [f"nltk, {part}"], "words_per_s") for part in parts])


def read_csv(shop, file, delimiter, what):
    return Measurement(
        f"Reading {os.path.getsize(file) / 1e6:.0f} MB of CSV, {what}",
        {"MB/s": ("mb_per_s", ".0f"), "rows": ("rows", ",.0f")},
        {"intray inspect": lambda: shop.intray.inspect(file),
         "pandas": lambda: shop.peers.read_csv("pandas", file, delimiter),
         "python csv": lambda: shop.peers.read_csv("python", file, delimiter)},
        [Comparison("intray inspect", ["pandas", "python csv"], "mb_per_s")])


CSV_BYTES = 200_000_000

MEASUREMENTS = {
    "finetune-bf16": lambda shop: finetune(shop, "MiniLM", shop.minilm, 400, "bf16"),
    "finetune-fp32": lambda shop: finetune(shop, "MiniLM", shop.minilm, 400, "fp32"),
    "base-bf16": lambda shop: finetune(shop, "a bert-base shape", shop.base, 100, "bf16"),
    "base-fp32": lambda shop: finetune(shop, "a bert-base shape", shop.base, 100, "fp32"),
    "infer": infer,
    "accuracy": accuracy,
    "threads": threads,
    "tokenize": tokenize,
    "augment": augment,
    "augmentation": augmentation,
    "lemmatize": lemmatize,
    "csv-texts": lambda shop: read_csv(shop, *shop.corpus.wide(shop.count(CSV_BYTES)), "titles and abstracts"),
    "csv-narrow": lambda shop: read_csv(shop, *shop.corpus.narrow(shop.count(CSV_BYTES)), "20 bytes a row"),
}
