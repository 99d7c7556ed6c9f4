"""Fine-tunes a BERT encoder with PyTorch and transformers, by the recipe of runner `finetune`: title and abstract as a
sentence pair, the mean over the real tokens, dropout 0.3, a linear head, AdamW with layer-wise decay, a linear schedule
with warm-up, clipping at 1. Each batch is padded to its longest row.

Prints JSON. The speed counts training steps only, without the first three.
"""

import argparse
import json
import random
import time

import torch
from transformers import BertModel, BertTokenizerFast

import rows

WARM_UP_STEPS = 3

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--train", required=True)
parser.add_argument("--batch", type=int, required=True)
parser.add_argument("--max-length", type=int, required=True)
parser.add_argument("--precision", choices=["bf16", "fp32"], required=True)
parser.add_argument("--threads", type=int, required=True)
a = parser.parse_args()

torch.set_num_threads(a.threads)
torch.manual_seed(42)
random.seed(42)

train = rows.read(a.train)
names = {name: index for index, name in enumerate(sorted(train.categories.unique()))}
encodings = rows.encode(BertTokenizerFast.from_pretrained(a.model), train, a.max_length)
ids, segments, labels = encodings["input_ids"], encodings["token_type_ids"], [names[name] for name in train.categories]


class Classifier(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.bert = BertModel.from_pretrained(a.model, add_pooling_layer=False)
        self.drop = torch.nn.Dropout(0.3)
        self.out = torch.nn.Linear(self.bert.config.hidden_size, len(names))

    def forward(self, ids, mask, segments):
        x = self.bert(input_ids=ids, attention_mask=mask, token_type_ids=segments)[0]
        return self.out(self.drop((x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)))


model = Classifier().train()
layers = model.bert.config.num_hidden_layers
named = list(model.named_parameters())
rate, decay = 1e-4, 0.95
optimizer = torch.optim.AdamW(
    [dict(params=[p for n, p in named if f"encoder.layer.{k}." in n], lr=rate * decay ** (layers - 1 - k))
     for k in range(layers)]
    + [dict(params=[p for n, p in named if "bert.embeddings" in n], lr=rate * decay**layers),
       dict(params=[p for n, p in named if not n.startswith("bert.")], lr=1e-3)],
    weight_decay=0.01)
steps = -(-len(ids) // a.batch)
warm = max(1, int(0.06 * steps))
schedule = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda step: min((step + 1) / warm, max(0.0, (steps - step) / max(1, steps - warm))))


def padded(batch):
    shape = (len(batch), max(len(ids[i]) for i in batch))
    x, mask, pair = (torch.zeros(shape, dtype=torch.long) for _ in range(3))
    for row, i in enumerate(batch):
        n = len(ids[i])
        x[row, :n], mask[row, :n], pair[row, :n] = torch.tensor(ids[i]), 1, torch.tensor(segments[i])
    return x, mask, pair


order = list(range(len(ids)))
random.shuffle(order)
seconds, samples, tokens, losses = 0.0, 0, 0, []
for step in range(steps):
    begin = time.perf_counter()
    batch = order[step * a.batch : (step + 1) * a.batch]
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=a.precision == "bf16"):
        logits = model(*padded(batch))
    loss = torch.nn.functional.cross_entropy(logits.float(), torch.tensor([labels[i] for i in batch]))
    loss.backward()
    losses.append(loss.item())
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()
    optimizer.zero_grad()
    if step >= WARM_UP_STEPS:
        seconds += time.perf_counter() - begin
        samples += len(batch)
        tokens += sum(len(ids[i]) for i in batch)
print(json.dumps({
    "samples_per_s": samples / seconds, "tokens_per_s": tokens / seconds, "loss": sum(losses) / len(losses)}))
