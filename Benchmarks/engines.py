"""This engine and its peers: each call is one run in a process of its own, and returns its figures."""

import ctypes.util
import json
import os
import re
import shutil
import tempfile

from process import Failed, python, run

BATCH = 10  # rows of a training step
PEER_BATCH = 16  # rows of a peer's inference step
MAX_LENGTH = 300


class Refused(Exception):
    """The program says that it does not do this here."""


class Intray:
    def __init__(self, work):
        self.work = work

    def finetune(self, train, model, precision, threads, keep=None, epochs=1, seed=42, batch=BATCH,
                 max_length=MAX_LENGTH):
        """`keep` is where the trained model goes."""
        metrics, done = self._job(
            "finetune", {"train": train}, threads, keep and {"model": keep}, model=model, precision=precision,
            epochs=epochs, seed=seed,
            batch_size=batch, max_length=max_length, validation=0, checkpoint_seconds=86400)
        seconds, last = metrics["training_seconds"], metrics["epochs"][-1]
        return {
            "samples_per_s": last["samples_per_s"], "tokens_per_s": metrics["trained_tokens"] / seconds,
            "loss": last["loss"], "tokens": metrics["trained_tokens"], "peak_mib": done.peak_mib,
            "process_s": done.seconds, "phases": metrics.get("phase_seconds")}

    def infer(self, file, tokens, model, precision, threads, max_length=MAX_LENGTH):
        metrics, done = self._job(
            "infer", {"input": file}, threads, model=model, precision=precision, max_length=max_length)
        return {
            "tokens_per_s": tokens / done.seconds,
            "engine_tokens_per_s": metrics.get("tokens_per_s", metrics["rows_per_s"] * tokens / metrics["rows"]),
            "accuracy": metrics["accuracy"], "peak_mib": done.peak_mib, "process_s": done.seconds,
            "phases": metrics.get("phase_seconds")}

    def tokenize(self, file, model):
        done = run(["intray", "tokenize", "--speed", "--json", "--model", model, "--max-length", str(MAX_LENGTH), file])
        return json.loads(done.output)

    def speed(self, file, model, precision, turns):
        """{(work, threads): figures}, measured in turns within one process."""
        done = run(["intray", "speed", "--json", "--model", model, "--precision", precision,
                    "--max-length", str(MAX_LENGTH), "--batch-size", str(BATCH), "--turns", str(turns), file])
        return {
            (line["work"], line["threads"]): {"tokens_per_s": line["tokens_per_s"], "phases": line["phase_seconds"]}
            for line in json.loads(done.output)["speeds"]}

    def augment(self, file, operations, threads):
        """One copy of each row by each operation: with reading and writing, and the cleaning and changing alone."""
        metrics, done = self._job(
            "augment", {"input": file}, threads, operations=[{"name": name, "rate": 0.1} for name in operations])
        return {
            "job_rows_per_s": metrics["rows"] / metrics["seconds"],
            "rows_per_s": metrics["rows"] / metrics["editing_seconds"],
            "peak_mib": done.peak_mib, "process_s": done.seconds}

    def augmented(self, file, operations, threads, keep):
        """Its rows and a copy of each by each operation; `keep` is where the file goes."""
        data = {"input": file}
        if "backtranslation" in operations:
            data["translations"] = os.path.join(self.work, "translations.csv")
            if not os.path.exists(data["translations"]):
                self._job("backtranslate", {"input": file}, threads, {"translations.csv": data["translations"]})
        self._job("augment", data, threads, {"augmented.csv": keep}, operations=[{"name": name} for name in operations])

    def lemmatize(self, file, part):
        done = run(["intray", "lemmatize", "--speed", "--json", "--pos", part, file])
        return json.loads(done.output)

    def inspect(self, file):
        """The whole process counts."""
        done = run(["intray", "inspect", "--rows", "0", "--json", file])
        return {"mb_per_s": os.path.getsize(file) / 1e6 / done.seconds, "rows": json.loads(done.output)["rowCount"]}

    def peaks(self):
        """GFLOP/s of matrix products: {precision: {threads: number}}."""
        try:
            text = run(["intray", "doctor", "--json"]).output
        except Failed as error:
            raise Refused(str(error)) from error
        peaks = {}
        for finding in json.loads(text)["findings"]:
            topic, _, precision = finding["topic"].partition(".")
            numbers = re.match(r"([\d.]+) GFLOP/s with one thread, ([\d.]+) with (\d+)", finding["text"])
            if topic == "speed" and numbers:
                one, all_, threads = numbers.groups()
                peaks[precision or "fp32"] = {1: float(one), int(threads): float(all_)}
        return peaks

    def _job(self, runner, data, threads, keep=None, **parameters):
        """A job with folders of its own, so that no earlier result answers it.

        `keep`: where parts of the result go.
        """
        folder = tempfile.mkdtemp(dir=self.work)
        try:
            for role, file in data.items():
                os.link(file, os.path.join(folder, f"{role}.csv"))
            with open(os.path.join(folder, "intray.yaml"), "w", encoding="utf-8") as file:
                file.write(f"threads: {threads}\n")
            spec = {
                "name": "job", "run": runner,
                "data": {role: f"{role}.csv" for role in data} | {
                    "columns": {"id": "paperid", "text": ["title", "abstract"], "label": "categories"}},
                "with": parameters}
            with open(os.path.join(folder, "job.yaml"), "w", encoding="utf-8") as file:
                json.dump(spec, file)  # JSON is YAML
            try:
                done = run(["intray", "run", f"{folder}/job.yaml", "--config", f"{folder}/intray.yaml", "--json",
                            "--outbox", f"{folder}/outbox"])
            except Failed as error:
                if error.status in (os.EX_CONFIG, os.EX_UNAVAILABLE):
                    raise Refused(str(error)) from error
                raise
            for part, path in (keep or {}).items():
                shutil.move(f"{folder}/outbox/job/{part}", path)
            return json.loads(done.output)["metrics"], done
        finally:
            shutil.rmtree(folder)


class Peers:
    def __init__(self, work):
        self.work = work
        allocator = ctypes.util.find_library("jemalloc")
        self.torch = {"LD_PRELOAD": allocator} if allocator else {}

    def finetune(self, train, model, precision, threads):
        result, done = python(
            "finetune_pytorch.py", "--model", model, "--train", train, "--precision", precision, "--threads", threads,
            "--batch", BATCH, "--max-length", MAX_LENGTH, environment=self.torch)
        return result | {"peak_mib": done.peak_mib, "process_s": done.seconds}

    def infer(self, engine, file, classifier, onnx, threads):
        result, done = python(
            "infer.py", "--engine", engine, "--input", file, "--output", os.path.join(self.work, "predictions.csv"),
            "--classifier", classifier, "--onnx", onnx, "--threads", threads, "--batch", PEER_BATCH,
            "--max-length", MAX_LENGTH, environment=self.torch if engine.startswith("torch") else {})
        return result | {"peak_mib": done.peak_mib, "process_s": done.seconds}

    def tokenize(self, file, model, threads):
        parallel = {"TOKENIZERS_PARALLELISM": "true" if threads > 1 else "false", "RAYON_NUM_THREADS": str(threads)}
        result, _ = python("tokenize_texts.py", model, file, MAX_LENGTH, environment=parallel)
        return result

    def augment(self, operation, file):
        result, _ = python("augment.py", operation, file)
        return result

    def lemmatize(self, file, part):
        result, _ = python("lemmatize_words.py", part, file)
        return result

    def read_csv(self, reader, file, delimiter):
        result, _ = python("read_csv.py", reader, file, delimiter)
        return result
