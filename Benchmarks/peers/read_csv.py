"""Reads a CSV file whole, every field as a text. Prints JSON.

    read_csv.py pandas|python FILE DELIMITER
"""

import csv
import json
import os
import sys
import time

reader, path, delimiter = sys.argv[1:]
if reader == "pandas":
    import pandas as pd
begin = time.perf_counter()
if reader == "pandas":
    count = len(pd.read_csv(path, sep=delimiter, engine="c", dtype=str, keep_default_na=False))
else:
    csv.field_size_limit(1 << 24)
    with open(path, encoding="utf-8", newline="") as file:
        count = sum(1 for _ in csv.reader(file, delimiter=delimiter)) - 1
print(json.dumps({"mb_per_s": os.path.getsize(path) / 1e6 / (time.perf_counter() - begin), "rows": count}))
