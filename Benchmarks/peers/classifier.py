"""What runner `finetune` saves with `head: mean`, as a PyTorch module."""

import os

import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel


class Classifier(torch.nn.Module):
    def __init__(self, folder, attention):
        super().__init__()
        configuration = BertConfig.from_pretrained(folder)
        configuration._attn_implementation = attention
        self.bert = BertModel(configuration, add_pooling_layer=False)
        self.classifier = torch.nn.Linear(configuration.hidden_size, configuration.num_labels)
        weights = load_file(os.path.join(folder, "model.safetensors"))
        missing = self.load_state_dict(weights, strict=False).missing_keys
        assert set(missing) <= {"bert.embeddings.position_ids", "bert.embeddings.token_type_ids"}, missing
        self.eval()

    def forward(self, ids, mask, segments):
        x = self.bert(input_ids=ids, attention_mask=mask, token_type_ids=segments)[0]
        return self.classifier((x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))
