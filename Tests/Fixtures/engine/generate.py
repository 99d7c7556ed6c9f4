#!/usr/bin/env python3
"""Makes the fixtures of the engine's tests with PyTorch and transformers, on the CPU in fp32.

    python3 generate.py            # writes *.safetensors and tiny-*/ beside this file

Made with Python 3.11, torch 2.13.0, transformers 5.23.0, safetensors 0.8, numpy 2 (versions.txt has the exact ones).
The same versions give the same files.
"""
import json, os, platform, shutil
import numpy, safetensors, torch, transformers
from safetensors.torch import save_file
from transformers import BertConfig, BertForSequenceClassification, BertModel

here = os.path.dirname(os.path.abspath(__file__))
os.chdir(here)
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)


def write(name, tensors):
    save_file({key: value.detach().contiguous() for key, value in tensors.items()}, name + ".safetensors")


# Each operation on its own, odd shapes.
generator = torch.Generator().manual_seed(1)
normal = lambda *shape: torch.randn(*shape, generator=generator)
ops = {}

x = torch.cat([torch.linspace(-12, 12, 500), normal(37) * 2, torch.tensor([0.0, -0.0, 1e-20, -1e-20, 88.0, -88.0])])
ops["activation.x"] = x
for name, function in {
    "gelu": torch.nn.functional.gelu,
    "gelu_tanh": lambda v: torch.nn.functional.gelu(v, approximate="tanh"),
    "relu": torch.relu,
}.items():
    leaf = x.clone().requires_grad_()
    y = function(leaf)
    y.sum().backward()
    ops[f"activation.{name}"] = y
    ops[f"activation.{name}.slope"] = leaf.grad

for rows, features in ((1, 1), (3, 7), (5, 33), (4, 384)):
    x = (normal(rows, features) * 3 + 1).requires_grad_()
    weight, bias = normal(features).requires_grad_(), normal(features).requires_grad_()
    dy = normal(rows, features)
    y = torch.nn.functional.layer_norm(x, (features,), weight, bias, 1e-12 if features > 1 else 1e-5)
    y.backward(dy)
    case = f"layernorm.{rows}x{features}"
    ops |= {f"{case}.x": x, f"{case}.weight": weight, f"{case}.bias": bias, f"{case}.dy": dy, f"{case}.y": y}
    ops |= {f"{case}.dx": x.grad, f"{case}.dweight": weight.grad, f"{case}.dbias": bias.grad}

logits = (normal(7, 5) * 4).requires_grad_()
labels = torch.tensor([0, 4, 2, 2, 1, 3, 0])
loss = torch.nn.functional.cross_entropy(logits, labels)
loss.backward()
ops |= {"loss.logits": logits, "loss.labels": labels.int(), "loss.loss": loss[None], "loss.gradient": logits.grad}

# Packed attention: lengths that are no multiple of anything; heads of 8.
heads, size, lengths = 2, 8, [1, 5, 37, 150]
qkv = normal(sum(lengths), 3 * heads * size).requires_grad_()
dcontext = normal(sum(lengths), heads * size)
parts = []
for part in qkv.split(lengths):
    q, k, v = (t.unflatten(-1, (heads, size)).transpose(0, 1) for t in part.chunk(3, dim=-1))
    weights = torch.softmax(q @ k.transpose(-1, -2) / size**0.5, dim=-1)
    parts.append((weights @ v).transpose(0, 1).flatten(1))
context = torch.cat(parts)
context.backward(dcontext)
ops |= {"attention.qkv": qkv, "attention.dcontext": dcontext, "attention.context": context, "attention.dqkv": qkv.grad}
ops["attention.lengths"] = torch.tensor(lengths).int()
write("ops", ops)

# AdamW with decay on two groups, clipped; the gradients are given.
torch.manual_seed(2)
a, b = torch.nn.Parameter(torch.randn(5, 7)), torch.nn.Parameter(torch.randn(11))
adamw = {"a.0": a.clone(), "b.0": b.clone()}
optimizer = torch.optim.AdamW([dict(params=[a], lr=1e-2), dict(params=[b], lr=3e-3)], weight_decay=0.1)
schedule = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda s: min((s + 1) / 3, max(0.0, (8 - s) / 5)))
norms = []
for step in range(8):
    a.grad, b.grad = torch.randn(5, 7) * (step + 1) / 3, torch.randn(11)
    adamw |= {f"a.gradient.{step}": a.grad.clone(), f"b.gradient.{step}": b.grad.clone()}
    norms.append(torch.nn.utils.clip_grad_norm_([a, b], 5.0))
    optimizer.step()
    schedule.step()
    adamw |= {f"a.{step + 1}": a.clone(), f"b.{step + 1}": b.clone()}
adamw["norms"] = torch.stack(norms)
write("adamw", adamw)

# A tiny random BERT with each head: logits, all gradients, and the losses of 20 steps.
config = dict(
    vocab_size=101, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
    max_position_embeddings=40, type_vocab_size=2, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1,
    initializer_range=0.3, attn_implementation="eager",
    id2label={0: "cs.AI", 1: "cs.CL", 2: "cs.CV"}, label2id={"cs.AI": 0, "cs.CL": 1, "cs.CV": 2},
)


class Mean(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.bert = BertModel(BertConfig(**config), add_pooling_layer=False)
        self.classifier = torch.nn.Linear(32, 3)

    def forward(self, ids, mask, segments):
        x = self.bert(input_ids=ids, attention_mask=mask, token_type_ids=segments)[0]
        return self.classifier((x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))


class Pooler(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = BertForSequenceClassification(BertConfig(**config))

    def forward(self, ids, mask, segments):
        return self.inner(input_ids=ids, attention_mask=mask, token_type_ids=segments).logits


def batches():
    """24 micro-batches of sentence pairs; a token for the label makes them learnable. Token 0 is padding, never trained."""
    generator = torch.Generator().manual_seed(3)
    draw = lambda low, high: int(torch.randint(low, high, (1,), generator=generator))
    for _ in range(24):
        rows, labels = [], []
        for _ in range(5):
            label, length, cut = draw(0, 3), draw(3, 41), draw(1, 3)
            ids = [draw(1, 101) if draw(0, 3) else 10 + label for _ in range(length)]
            rows.append((ids, [0] * cut + [1] * (length - cut)))
            labels.append(label)
        yield rows, torch.tensor(labels)


def pad(rows):
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask, segments = torch.zeros_like(ids), torch.zeros_like(ids)
    for j, (row, types) in enumerate(rows):
        ids[j, : len(row)], mask[j, : len(row)], segments[j, : len(row)] = torch.tensor(row), 1, torch.tensor(types)
    return ids, mask, segments


data = list(batches())
with open("batches.json", "w") as file:
    json.dump(
        [{"ids": [r[0] for r in rows], "segments": [r[1] for r in rows], "labels": y.tolist()} for rows, y in data],
        file, separators=(",", ":"))

for name, kind in (("pooler", Pooler), ("mean", Mean)):
    torch.manual_seed(4)
    model = kind().eval()  # eval: no dropout; gradients flow all the same
    inner = model.inner if name == "pooler" else model
    with torch.no_grad():
        for parameter, tensor in inner.named_parameters():
            if "LayerNorm" in parameter or parameter.endswith("bias"):
                tensor.add_(torch.randn(tensor.shape) * 0.1)
    folder = f"tiny-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    saved = dict(BertConfig(**config).to_dict(), architectures=["BertForSequenceClassification"])
    if name == "mean":
        saved |= {"architectures": ["IntrayMeanForSequenceClassification"], "intray_head": "mean"}
    with open(f"{folder}/config.json", "w") as file:
        json.dump(saved, file, indent=1)
    save_file(
        {key: value.contiguous() for key, value in inner.state_dict().items() if "position_ids" not in key},
        f"{folder}/model.safetensors", metadata={"format": "pt"})

    expected = {}
    rows, labels = data[0]
    logits = model(*pad(rows))
    loss = torch.nn.functional.cross_entropy(logits, labels)
    loss.backward()
    expected |= {"logits": logits, "loss": loss[None]}
    expected |= {f"gradient.{key}": value.grad for key, value in inner.named_parameters()}
    write(f"{folder}-expected", expected)
    model.zero_grad()

    # As the peer trains: 20 steps of two micro-batches, a learning rate for each layer, clipping, warm-up.
    named = list(inner.named_parameters())
    base, head, decay = 2e-3, 1e-2, 0.8
    groups = [
        dict(params=[p for n, p in named if f"encoder.layer.{k}." in n], lr=base * decay ** (1 - k)) for k in range(2)
    ]
    groups.append(dict(params=[p for n, p in named if "bert.embeddings" in n], lr=base * decay**2))
    groups.append(dict(params=[p for n, p in named if "bert.pooler" in n], lr=base))
    groups.append(dict(params=[p for n, p in named if not n.startswith("bert.")], lr=head))
    optimizer = torch.optim.AdamW([g for g in groups if g["params"]], weight_decay=0.01)
    steps, warm = 20, 2
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min((s + 1) / warm, max(0.0, (steps - s) / max(1, steps - warm))))
    losses, norms = [], []
    for step in range(steps):
        for micro in range(2):
            rows, labels = data[(2 * step + micro) % 24]
            loss = torch.nn.functional.cross_entropy(model(*pad(rows)), labels)
            (loss / 2).backward()
            losses.append(loss.item())
        norms.append(torch.nn.utils.clip_grad_norm_(inner.parameters(), 1.0).item())
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    with open(f"{folder}-training.json", "w") as file:
        json.dump({"losses": losses, "norms": norms}, file)

with open("versions.txt", "w") as file:
    file.write(f"python {platform.python_version()}\n")
    for module in (torch, transformers, safetensors, numpy):
        file.write(f"{module.__name__} {module.__version__}\n")
