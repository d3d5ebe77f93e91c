"""The three networks of the embedded model. Parameter names of the UNet are those of diffusers' UNet2DConditionModel."""
import json
import math
import os
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import onnx_file

VOCABULARY = 4096
WIDTH = 256
TOKENS = 32
POSITIONS = 77


class LayerNorm(nn.LayerNorm):
    """In float32 whatever comes: PyTorch 1.13 does not mix precisions here on a CPU."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x if x.dtype == torch.float32 else x.float())


class GroupNorm(nn.GroupNorm):
    """In float32 whatever comes, as LayerNorm."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x if x.dtype == torch.float32 else x.float())


def position_codes(positions: int, width: int) -> torch.Tensor:
    """Sines and cosines of a place, as in Vaswani et al. 2017, section 3.5: [positions, width], each row of length sqrt(width / 2)."""
    angles = torch.arange(positions)[:, None] * torch.exp(torch.arange(width // 2) * (-math.log(10000) * 2 / width))
    return torch.cat([angles.sin(), angles.cos()], 1)


class TextEncoder(nn.Module):
    """Token ids [B, T] -> states [B, T, 256]: two bidirectional layers over the words, and their mean word vector added everywhere."""

    def __init__(self, vocabulary: int = VOCABULARY, width: int = WIDTH, positions: int = POSITIONS, layers: int = 2,
                 heads: int = 4) -> None:
        super().__init__()
        self.vocabulary, self.heads = vocabulary, heads
        self.emb = nn.Embedding(vocabulary, width)
        # Words have length sqrt(width): where a word stands must be heard beside what it says, or "a cat and a dog" is "a dog and a cat".
        self.pos = nn.Parameter(0.5 * position_codes(positions, width) + torch.randn(positions, width) * 0.1)
        self.word = nn.Linear(width, width)
        self.norm = LayerNorm(width)
        self.q = nn.ModuleList([nn.Linear(width, 3 * width) for _ in range(layers)])
        self.o = nn.ModuleList([nn.Linear(width, width) for _ in range(layers)])
        self.a = nn.ModuleList([nn.Linear(width, 2 * width) for _ in range(layers)])
        self.b = nn.ModuleList([nn.Linear(2 * width, width) for _ in range(layers)])
        self.n1 = nn.ModuleList([LayerNorm(width) for _ in range(layers)])
        self.n2 = nn.ModuleList([LayerNorm(width) for _ in range(layers)])
        nn.init.normal_(self.emb.weight, std=1.0)
        nn.init.eye_(self.word.weight)
        self.word.weight.data.mul_(2.0)
        for layer in [*self.o, *self.b]:
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        batch, length = ids.shape
        # The two special tokens carry no word; the first one stays visible so that an empty prompt attends to something.
        real = (ids < self.vocabulary - 2).to(self.pos.dtype)
        keep = real.clone()
        keep[:, 0] = 1
        e = self.emb(ids) * real[..., None]
        pool = e.sum(1) / real.sum(1, keepdim=True).clamp(min=1).sqrt()
        h = e + self.pos[:length]
        bias = (1 - keep)[:, None, None, :] * -1e4
        for i in range(len(self.q)):
            q, k, v = self.q[i](self.n1[i](h)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            w = (q @ k.transpose(-1, -2) / 8.0 + bias).softmax(-1)
            h = h + self.o[i]((w @ v).transpose(1, 2).reshape(batch, length, -1))
            h = h + self.b[i](F.gelu(self.a[i](self.n2[i](h))))
        return self.norm(h + self.word(pool)[:, None])


class ResnetBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, time_width: int, groups: int) -> None:
        super().__init__()
        self.norm1 = GroupNorm(groups, inputs, eps=1e-5)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time_emb_proj = nn.Linear(time_width, outputs)
        self.norm2 = GroupNorm(groups, outputs, eps=1e-5)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.time_emb_proj(F.silu(time))[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return (x if self.conv_shortcut is None else self.conv_shortcut(x)) + h


class Attention(nn.Module):
    def __init__(self, width: int, context: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        # Made here and not of the tensors' shapes, so that ONNX files have it as a number.
        self.scale = (width // heads)**-0.5
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context, width, bias=False)
        self.to_v = nn.Linear(context, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        parts = (self.to_q(x), self.to_k(context), self.to_v(context))
        q, k, v = (p.view(batch, -1, self.heads, width // self.heads).transpose(1, 2) for p in parts)
        w = (q @ k.transpose(-1, -2) * self.scale).softmax(-1)
        return self.to_out[0]((w @ v).transpose(1, 2).reshape(batch, length, width))


class GatedLinear(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 2 * inner)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value, gate = self.proj(x).chunk(2, -1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.ModuleList([GatedLinear(width, 4 * width), nn.Identity(), nn.Linear(4 * width, width)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net[2](self.net[0](x))


class TransformerBlock(nn.Module):
    def __init__(self, width: int, context: int, heads: int) -> None:
        super().__init__()
        self.norm1 = LayerNorm(width)
        self.attn1 = Attention(width, width, heads)
        self.norm2 = LayerNorm(width)
        self.attn2 = Attention(width, context, heads)
        self.norm3 = LayerNorm(width)
        self.ff = FeedForward(width)

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        y = self.norm1(x)
        x = x + self.attn1(y, y)
        x = x + self.attn2(self.norm2(x), context)
        return x + self.ff(self.norm3(x))


class SpatialTransformer(nn.Module):
    def __init__(self, width: int, context: int, heads: int, groups: int) -> None:
        super().__init__()
        self.norm = GroupNorm(groups, width, eps=1e-6)
        self.proj_in = nn.Linear(width, width)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(width, context, heads)])
        self.proj_out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        batch, width, height, breadth = x.shape
        h = self.proj_in(self.norm(x).permute(0, 2, 3, 1).reshape(batch, height * breadth, width))
        h = self.proj_out(self.transformer_blocks[0](h, context))
        return x + h.reshape(batch, height, breadth, width).permute(0, 3, 1, 2)


class Resampler(nn.Module):
    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=stride, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x)


class UNetBlock(nn.Module):
    """A level of the UNet, or its middle: residual blocks, a transformer after each where the level has them, one resampling."""

    def __init__(self, inputs: Sequence[int], width: int, time_width: int, groups: int, context: int | None = None, heads: int = 1,
                 attentions: int = 0, down: bool = False, up: bool = False) -> None:
        super().__init__()
        self.resnets = nn.ModuleList([ResnetBlock(i, width, time_width, groups) for i in inputs])
        if attentions:
            self.attentions = nn.ModuleList([SpatialTransformer(width, context, heads, groups) for _ in range(attentions)])
        if down:
            self.downsamplers = nn.ModuleList([Resampler(width, 2)])
        if up:
            self.upsamplers = nn.ModuleList([Resampler(width, 1)])

    def forward(self, x: torch.Tensor, time: torch.Tensor, text: torch.Tensor, skips: list[torch.Tensor] | None = None) -> torch.Tensor:
        """Going down `skips` grows, going up it shrinks; the middle has none."""
        attentions, up = getattr(self, 'attentions', None), skips is not None and len(self.resnets) > 1
        for j, resnet in enumerate(self.resnets):
            x = resnet(torch.cat([x, skips.pop()], 1) if up else x, time)
            if attentions is not None and j < len(attentions):
                x = attentions[j](x, text)
        if skips is not None and not up:
            skips.append(x)
        if hasattr(self, 'downsamplers'):
            x = self.downsamplers[0](x)
            skips.append(x)
        if hasattr(self, 'upsamplers'):
            x = self.upsamplers[0](F.interpolate(x, scale_factor=2.0, mode='nearest'))
        return x


class TextPooling(nn.Module):
    """One vector for a sentence: the mean state asks the states (diffusers' AttentionPooling)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, (width // heads)**-0.5
        self.positional_embedding = nn.Parameter(torch.randn(1, width) / width**0.5)
        self.k_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, _, width = x.shape
        mean = x.mean(1, keepdim=True) + self.positional_embedding
        x = torch.cat([mean, x], 1)
        parts = (self.q_proj(mean), self.k_proj(x), self.v_proj(x))
        q, k, v = (p.view(batch, -1, self.heads, width // self.heads).transpose(1, 2) for p in parts)
        w = (q @ k.transpose(-1, -2) * self.scale).softmax(-1)
        return (w @ v).transpose(1, 2).reshape(batch, width)


class TextVector(nn.Module):
    """What the whole sentence adds to the time embedding (diffusers' addition_embed_type "text")."""

    def __init__(self, width: int, time_width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = LayerNorm(width)
        self.pool = TextPooling(width, heads)
        self.proj = nn.Linear(width, time_width)
        self.norm2 = LayerNorm(time_width)
        # Starts small: the time must be learnt first.
        nn.init.constant_(self.norm2.weight, 0.2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm2(self.proj(self.pool(self.norm1(x))))


class TimeEmbedding(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(inputs, outputs)
        self.linear_2 = nn.Linear(outputs, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear_2(F.silu(self.linear_1(x)))


class UNet(nn.Module):
    """Noisy latents [B, 4, h, w], times [] or [B], text states [B, T, 256] -> velocity [B, 4, h, w].

    diffusers' UNet2DConditionModel with 16 channels in and out, behind a space-to-depth of 2.
    """

    def __init__(self, widths: Sequence[int] = (64, 128, 192), heads: Sequence[int] = (2, 4, 4), groups: int = 16, channels: int = 4,
                 patch: int = 2, context: int = WIDTH) -> None:
        super().__init__()
        self.patch, self.widths = patch, widths
        inner, time = channels * patch * patch, 4 * widths[0]
        last = len(widths) - 1
        self.conv_in = nn.Conv2d(inner, widths[0], 3, padding=1)
        self.time_embedding = TimeEmbedding(widths[0], time)
        self.add_embedding = TextVector(context, time, 4)
        self.down_blocks = nn.ModuleList(
            UNetBlock([widths[max(i - 1, 0)]], w, time, groups, context, heads[i], 1 if i > 0 else 0, down=i < last)
            for i, w in enumerate(widths))
        self.mid_block = UNetBlock([widths[-1]] * 2, widths[-1], time, groups, context, heads[-1], 1)
        ups, previous = [], widths[-1]
        for i in reversed(range(len(widths))):
            inputs = [previous + widths[i], widths[i] + widths[max(i - 1, 0)]]
            ups.append(UNetBlock(inputs, widths[i], time, groups, context, heads[i], 2 if i > 0 else 0, up=i > 0))
            previous = widths[i]
        self.up_blocks = nn.ModuleList(ups)
        self.conv_norm_out = GroupNorm(groups, widths[0], eps=1e-5)
        self.conv_out = nn.Conv2d(widths[0], inner, 3, padding=1)

    def forward(self, sample: torch.Tensor, timestep: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        x = F.pixel_unshuffle(sample, self.patch)
        half = self.widths[0] // 2
        frequencies = torch.exp(torch.arange(half, dtype=torch.float32, device=sample.device) * (-math.log(10000) / half))
        angles = timestep.reshape(-1, 1).float() * frequencies
        time = self.time_embedding(torch.cat([angles.cos(), angles.sin()], 1))
        time = time + self.add_embedding(text)
        x = self.conv_in(x)
        skips = [x]
        for block in self.down_blocks:
            x = block(x, time, text, skips)
        x = self.mid_block(x, time, text)
        for block in self.up_blocks:
            x = block(x, time, text, skips)
        return F.pixel_shuffle(self.conv_out(F.silu(self.conv_norm_out(x))), self.patch)


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.a = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.b = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.s = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.b(F.relu(self.a(x))) + self.s(x))


class Refiner(nn.Module):
    """Residual blocks with growing reach at the latents' own size; adds nothing until trained."""

    def __init__(self, width: int, reaches: Sequence[int] = (1, 2, 4, 1)) -> None:
        super().__init__()
        self.a = nn.ModuleList([nn.Conv2d(width, width, 3, padding=r, dilation=r) for r in reaches])
        self.b = nn.ModuleList([nn.Conv2d(width, width, 3, padding=1) for _ in reaches])
        for layer in self.b:
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for a, b in zip(self.a, self.b):
            x = x + b(F.relu(a(x)))
        return x


class Autoencoder(nn.Module):
    """Pictures [B, 3, H, W] in [-1, 1] <-> latents [B, 4, H/8, W/8]."""

    def __init__(self, widths: Sequence[int] = (24, 48, 96, 128), refine: bool = True) -> None:
        super().__init__()
        self.widths = widths
        layers = [nn.Conv2d(3, widths[0], 3, padding=1)]
        for i in range(3):
            layers += [Block(widths[i], widths[i]), nn.Conv2d(widths[i], widths[i + 1], 3, stride=2, padding=1)]
        self.e = nn.Sequential(*layers, Block(widths[3], widths[3]), Block(widths[3], widths[3]), nn.Conv2d(widths[3], 8, 3, padding=1))
        layers = [nn.Conv2d(4, widths[3], 3, padding=1), nn.ReLU(), Block(widths[3], widths[3]), Block(widths[3], widths[3])]
        for i in (2, 1, 0):
            layers += [nn.Upsample(scale_factor=2), nn.Conv2d(widths[i + 1], widths[i], 3, padding=1), Block(widths[i], widths[i])]
        self.d = nn.Sequential(*layers, nn.Conv2d(widths[0], 3, 3, padding=1))
        self.r = Refiner(widths[3]) if refine else None

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, log_variance = self.e(x).chunk(2, 1)
        return mean, log_variance.clamp(-12, 4)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        x = self.d[:2](z)
        if self.r is not None:
            x = self.r(x)
        return self.d[2:](x)


class Upscaler(nn.Module):
    """Pictures [B, 3, H, W] in [-1, 1] -> [B, 3, 2H, 2W]: residual blocks at the picture's own size, then four pixels of each (Shi et al. 2016)."""

    def __init__(self, width: int = 32, blocks: int = 6) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.Sequential(*(Block(width, width) for _ in range(blocks)))
        self.last = nn.Conv2d(width, 12, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.interpolate(x, scale_factor=2.0, mode='bilinear', align_corners=False) + F.pixel_shuffle(self.last(self.blocks(self.first(x))), 2)


def read(path: str) -> dict[str, np.ndarray]:
    """All weights under one name each: `t.` text encoder, `u.` UNet, `v.` autoencoder, `scale` of the latents.

    `path` is a weights file (npz) or a model folder as export.py writes it.
    """
    if not os.path.isdir(path):
        files = np.load(path)
        return {k: files[k].astype(np.float32) for k in files.files}
    out = {}
    for part, prefix in (('text_encoder', 't.'), ('unet', 'u.'), ('vae_decoder', 'v.'), ('vae_encoder', 'v.')):
        for k, v in onnx_file.weights(f'{path}/{part}/model.onnx').items():
            out[prefix + k.removeprefix('autoencoder.')] = v
    with open(f'{path}/vae_decoder/config.json') as f:
        out['scale'] = np.float32(json.load(f)['scaling_factor'])
    return out


def load(path: str, device: str = 'cpu') -> tuple[TextEncoder, UNet, Autoencoder, float]:
    """The networks of a weights file or model folder: (text encoder, UNet, autoencoder, scale of the latents)."""
    weights = {k: torch.from_numpy(np.array(v)) for k, v in read(path).items()}
    text, unet = TextEncoder(positions=len(weights['t.pos'])), UNet()
    autoencoder = Autoencoder(refine=any(k.startswith('v.r.') for k in weights))
    for prefix, network in (('t.', text), ('u.', unet), ('v.', autoencoder)):
        network.load_state_dict({k[2:]: v for k, v in weights.items() if k.startswith(prefix)})
        network.to(device).eval()
    return text, unet, autoencoder, float(weights['scale'])
