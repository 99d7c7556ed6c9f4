"""Makes what the measurements need, with the peers' libraries.

    prepare.py base MODEL FOLDER            a model of bert-base's shape with random weights and MODEL's vocabulary
    prepare.py onnx CLASSIFIER FOLDER       fp32.onnx and int8.onnx (dynamic activations)
    prepare.py lengths MODEL FILE MAXIMUM   prints the rows' tokens, and the sum of the squares of their lengths
    prepare.py versions                     prints the peers' versions
"""

import importlib.metadata
import json
import os
import shutil
import sys

import rows


def base(model, folder):
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(42)
    BertModel(BertConfig()).save_pretrained(folder)
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        if os.path.exists(os.path.join(model, name)):
            shutil.copy(os.path.join(model, name), folder)


def onnx(folder, target):
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    from classifier import Classifier

    names = ["ids", "mask", "segments"]
    example = torch.ones(2, 16, dtype=torch.long)
    fp32 = os.path.join(target, "fp32.onnx")
    torch.onnx.export(
        Classifier(folder, attention="eager"), (example, example, torch.zeros_like(example)), fp32, input_names=names,
        output_names=["logits"], dynamic_axes={name: {0: "N", 1: "T"} for name in names} | {"logits": {0: "N"}},
        dynamo=False)
    quantize_dynamic(fp32, os.path.join(target, "int8.onnx"), weight_type=QuantType.QInt8)


def lengths(model, file, maximum):
    from transformers import BertTokenizerFast

    encodings = rows.encode(BertTokenizerFast.from_pretrained(model), rows.read(file), int(maximum))
    counts = [len(ids) for ids in encodings["input_ids"]]
    print(json.dumps({"rows": len(counts), "tokens": sum(counts), "squares": sum(count**2 for count in counts)}))


def versions():
    names = ("torch", "transformers", "tokenizers", "onnxruntime", "openvino", "nltk", "pandas")
    print(json.dumps({name: importlib.metadata.version(name) for name in names}))


{"base": base, "onnx": onnx, "lengths": lengths, "versions": versions}[sys.argv[1]](*sys.argv[2:])
