"""Writes the fixture of SafetensorsTests beside this script.

Made with Python 3.11, numpy 2.4.6, torch 2.13.0, safetensors 0.8.0:
    python Tests/Fixtures/safetensors/generate.py

types.safetensors   small tensors of all types that the reader converts, and some that it refuses
"""

from pathlib import Path

import torch
from safetensors.torch import save_file

here = Path(__file__).parent

numbers = [0.0, -0.0, 1.0, -2.5, 1 / 3, 65504.0, 1e-7, float("inf"), float("-inf"), float("nan"), 3.0e38, 123.456]
base = torch.tensor(numbers, dtype=torch.float64)
save_file(
    {
        "f64": base,
        "f32": base.float(),
        "f16": base.half(),
        "bf16": base.bfloat16(),
        "f16.as.f32": base.half().float(),
        "bf16.as.f32": base.bfloat16().float(),
        "matrix": torch.arange(6, dtype=torch.float32).reshape(2, 3),
        "scalar": torch.tensor(7.0),
        "empty": torch.zeros(0, 3),
        "i64": torch.arange(3),
        "u8": torch.arange(5, dtype=torch.uint8),
        "name \"with\" \\ ünï\tcode": torch.ones(1),
    },
    here / "types.safetensors",
    metadata={"format": "pt"},
)
