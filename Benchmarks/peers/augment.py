"""Changes the rows' titles and abstracts with nlpaug, one thread, from memory. Prints JSON.

    augment.py OPERATION FILE      delete or swap, a tenth of the words, one copy of each text
"""

import json
import sys
import time

import nlpaug.augmenter.word as naw
import rows

operation, file = sys.argv[1:]
augmenter = naw.RandomWordAug(action=operation, aug_p=0.1, aug_min=1, aug_max=None)
texts = [[title, abstract] for title, abstract in zip(*(rows.read(file)[name] for name in ("title", "abstract")))]
for pair in texts[:20]:
    augmenter.augment(pair[1])
begin = time.perf_counter()
for pair in texts:
    for text in pair:
        augmenter.augment(text)
print(json.dumps({"rows_per_s": len(texts) / (time.perf_counter() - begin)}))
