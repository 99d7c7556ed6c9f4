"""Measures this engine and its peers in turns, and writes the medians.

Results go to Benchmarks/results/, a Markdown table and a JSON file with all raw runs, after each measurement.
"""

import argparse
import contextlib
import datetime
import fnmatch
import json
import os
import platform
import subprocess
import sys
import tempfile

import report
from engines import Refused
from measurements import MEASUREMENTS, Workshop
from process import Failed, python

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main():
    parser = argparse.ArgumentParser(
        prog="Benchmarks/run", description="Measures this engine and its peers.",
        epilog="Measurements: " + ", ".join(MEASUREMENTS))
    parser.add_argument("--data", metavar="DIR", help="train.csv and dev.csv; without it the examples")
    parser.add_argument("--pairs", type=int, default=5, help="how often each contestant runs (default: 5)")
    parser.add_argument("--scale", type=float, default=1, help="share of the rows (default: 1)")
    parser.add_argument("names", nargs="*", metavar="NAME", help="measurements, also as patterns; without it all")
    options = parser.parse_args()
    chosen = [name for name in MEASUREMENTS if not options.names
              or any(fnmatch.fnmatch(name, pattern) for pattern in options.names)]
    if not chosen or options.pairs < 1 or options.scale <= 0:
        parser.error("nothing to measure")

    begun = datetime.datetime.now()
    name = os.path.join(ROOT, "Benchmarks/results", begun.strftime("%Y%m%d-%H%M%S"))
    os.makedirs(os.path.dirname(name), exist_ok=True)
    result = {"machine": machine(), "versions": python("prepare.py", "versions")[0], "commit": commit(),
              "begun": begun.isoformat(timespec="seconds"), "data": options.data or "the examples",
              "pairs": options.pairs, "scale": options.scale, "measurements": {}}
    sections, failed = [heading(result)], False
    with tempfile.TemporaryDirectory(prefix="intray-bench-") as work:
        shop = Workshop(ROOT, options.data, work, options.scale, len(os.sched_getaffinity(0)))
        for measurement in chosen:
            text, record = measure(measurement, shop, options.pairs)
            failed |= record["failed"]
            result["measurements"][measurement] = record
            sections.append(text)
            write(name + ".json", json.dumps(result, indent=1) + "\n")
            write(name + ".md", "\n".join(sections))
    print("\n".join(sections))
    say(f"{name}.md and .json")
    sys.exit(os.EX_SOFTWARE if failed else os.EX_OK)


def measure(name, shop, pairs):
    """Runs all contestants once, then all again: what slows the machine down for a while hits each of them."""
    say(f"{name}: preparing")
    try:
        measurement = MEASUREMENTS[name](shop)
    except (Failed, Refused) as error:
        return f"## {name}\n\nNot measured: {error}\n", {"failed": isinstance(error, Failed), "note": str(error)}
    runs = {contestant: [] for contestant in measurement.contestants}
    notes, failed = {}, False
    for pair in range(1 if measurement.once else pairs):
        for contestant, run in measurement.contestants.items():
            if contestant in notes:
                continue
            try:
                runs[contestant].append(run())
                say(f"{name}, {pair + 1}: {contestant}: " + ", ".join(
                    f"{heading} {format(value, form)}" for heading, (figure, form) in measurement.columns.items()
                    if (value := runs[contestant][-1].get(figure)) is not None))
            except (Failed, Refused) as error:
                failed |= isinstance(error, Failed)
                notes[contestant] = str(error)
                say(f"{name}: {contestant}: {error}")
    return report.section(name, measurement, runs, notes), {
        "title": measurement.title, "runs": runs, "notes": notes, "failed": failed}


def machine():
    cpu = "unknown CPU"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "memory_gib": round(memory, 1),
            "kernel": platform.release(), "load": os.getloadavg()[0]}


def commit():
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        return subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True,
                              check=True).stdout.strip()
    return None


def heading(result):
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return (f"# Benchmarks, {result['begun']}\n\n"
            f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']} GiB, Linux {machine['kernel']}, "
            f"load {machine['load']:.1f} at the start; commit {result['commit']}; {versions}; "
            f"texts of {result['data']}; medians of {result['pairs']} {'run' if result['pairs'] == 1 else 'runs'}.\n")


def write(path, text):
    with open(path + ".part", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".part", path)


def say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
