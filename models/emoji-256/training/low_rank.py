"""Low-rank changes of a network (LoRA, Hu et al. 2021) and their file: safetensors, under the names that diffusers and PEFT write."""
import json

import numpy as np
import torch
from torch.nn.utils import parametrize

TYPES = {'F16': '<f2', 'F32': '<f4'}


class LowRank(torch.nn.Module):
    """W -> W + B A. The change starts as nothing: B is zero."""

    def __init__(self, weight: torch.Tensor, rank: int) -> None:
        super().__init__()
        self.a = torch.nn.Parameter(torch.randn(rank, *weight.shape[1:]) / weight[0].numel() ** 0.5)
        self.b = torch.nn.Parameter(torch.zeros(weight.shape[0], rank))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight + (self.b @ self.a.flatten(1)).view_as(weight)


def is_changed(path: str) -> bool:
    """Attention, feed-forward and projections of the transformers, and the convolutions of the residual blocks."""
    return '.attentions.' in path or path.endswith(('.conv1', '.conv2'))


def attach(unet: torch.nn.Module, rank: int) -> dict[str, LowRank]:
    """Freezes the network and lets every module that is changed compute with its changed weight: {path: change}."""
    unet.requires_grad_(False)
    changes = {}
    for path, module in list(unet.named_modules()):
        if is_changed(path) and isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)):
            changes[path] = LowRank(module.weight, rank).to(module.weight.device)
            parametrize.register_parametrization(module, 'weight', changes[path])
    return changes


def write(changes: dict[str, LowRank], path: str, metadata: dict[str, str]) -> None:
    """The changes as float16: unet.PATH.lora_A.weight [rank, in, ...] and unet.PATH.lora_B.weight [out, rank, ...]."""
    tensors = {}
    for name, change in changes.items():
        a, b = (x.detach().cpu().numpy().astype('<f2') for x in (change.a, change.b))
        tensors[f'unet.{name}.lora_A.weight'] = a
        tensors[f'unet.{name}.lora_B.weight'] = b.reshape(*b.shape, *[1] * (a.ndim - 2))
    header, at = {'__metadata__': {'format': 'pt', **metadata}}, 0
    for name, x in tensors.items():
        header[name] = {'dtype': 'F16', 'shape': list(x.shape), 'data_offsets': [at, at + x.nbytes]}
        at += x.nbytes
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(len(text).to_bytes(8, 'little') + text + b''.join(x.tobytes() for x in tensors.values()))


def read(unet: torch.nn.Module, path: str) -> None:
    """Attaches the changes of a file that `write` made."""
    with open(path, 'rb') as f:
        data = f.read()
    start = 8 + int.from_bytes(data[:8], 'little')
    tensors = {}
    for name, entry in json.loads(data[8:start]).items():
        if name != '__metadata__':
            begin, end = (start + at for at in entry['data_offsets'])
            values = np.frombuffer(data[begin:end], TYPES[entry['dtype']]).astype(np.float32)
            tensors[name] = torch.from_numpy(values.reshape(entry['shape']))
    changes = attach(unet, len(next(x for name, x in tensors.items() if name.endswith('.lora_A.weight'))))
    for name, change in changes.items():
        change.a.data = tensors.pop(f'unet.{name}.lora_A.weight').to(change.a.device)
        change.b.data = tensors.pop(f'unet.{name}.lora_B.weight').flatten(1).to(change.b.device)
    assert not tensors, f'no module for {sorted(tensors)}'
