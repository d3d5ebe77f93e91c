"""Trains a network that makes a picture twice as wide and high, on what the decoder makes of art and the art itself at twice the size.

The art is drawn anew at 512 pixels (build_dataset.py --size 512) where it is lines and areas; the 3D pictures are published at 256, so those
are learnt from half that size. What goes in has been through the autoencoder, with some noise on its latents: it is the decoder's blur and
its blotches that must go, not those of a shrunk drawing. Run again with the same --out to go on from its checkpoint.
"""
import argparse
import random

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import session
from art import Art, colours, precision, read_concepts
from evaluate import edges
from export import write_graph
from networks import Autoencoder, Upscaler, load
from train_autoencoder import picture_loss
from train_decoder import Critic


class Pairs:
    """Pictures as the decoder gives them and the drawings themselves at twice the size, as uint8, the newest `size` of them."""

    def __init__(self, sources: list[tuple[Art, float]], autoencoder: Autoencoder, device: str, size: int = 900) -> None:
        self.sources, self.autoencoder, self.device, self.size = sources, autoencoder, device, size
        self.entries: list[tuple[torch.Tensor, torch.Tensor]] = []

    def add(self, count: int) -> None:
        """`count` drawings of one source, on white or any colour."""
        art = random.choices([s for s, _ in self.sources], [w for _, w in self.sources])[0]
        drawings = []
        for i in random.choices(range(len(art)), k=count):
            plain = 'white' if random.random() < 0.5 else random.choice(colours(art.items[i][0]))
            drawings.append(art.on(i, plain if random.random() < 0.7 else [random.randrange(256) for _ in range(3)]))
        large = torch.from_numpy(np.stack(drawings)).to(self.device)
        small = decoded(self.autoencoder, F.avg_pool2d(large, 2), noise=0.25)
        self.entries += [(byte(s), byte(x)) for s, x in zip(small, large)]
        del self.entries[:max(0, len(self.entries) - self.size)]

    def batch(self, count: int, crop: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Pieces [B, 3, crop, crop] of pictures and [B, 3, 2 crop, 2 crop] of the drawings, turned and mirrored, in [-1, 1]."""
        pieces = []
        while len(pieces) < count:
            small, large = random.choice(self.entries)
            y, x = (random.randrange(0, small.shape[-1] - crop + 1) for _ in range(2))
            a, b = small[:, y:y + crop, x:x + crop], large[:, 2 * y:2 * (y + crop), 2 * x:2 * (x + crop)]
            if int(b.amax()) - int(b.amin()) < 40 and random.random() < 0.9:
                continue  # an empty corner teaches little
            if random.random() < 0.5:
                a, b = a.flip(2), b.flip(2)
            if random.random() < 0.5:
                a, b = a.transpose(1, 2), b.transpose(1, 2)
            pieces.append((a, b))
        return tuple(torch.stack(side).to(self.device).float().div(127.5).sub(1).contiguous(memory_format=torch.channels_last) for side in zip(*pieces))


def byte(x: torch.Tensor) -> torch.Tensor:
    """A picture in [-1, 1] as a file holds it."""
    return ((x.clamp(-1, 1) + 1) * 127.5).round().byte().cpu()


@torch.no_grad()
def decoded(autoencoder: Autoencoder, x: torch.Tensor, noise: float) -> torch.Tensor:
    """Pictures [B, 3, H, W] through the autoencoder, each with up to so much noise on its latents."""
    with precision(x.device.type):
        z = autoencoder.encode(x.contiguous(memory_format=torch.channels_last))[0].float()
        z = z + noise * torch.rand(len(z), 1, 1, 1).to(z.device) * torch.randn(z.shape).to(z.device)
        return autoencoder.decode(z.contiguous(memory_format=torch.channels_last)).float()


@torch.no_grad()
def compare(network: Upscaler, held: list[Art], autoencoder: Autoencoder, device: str, limit: int = 24) -> dict[str, list[tuple[float, float]]]:
    """By way of enlarging, for each held-out art: PSNR to the drawing in dB and edges as a part of the drawing's. No noise on the latents."""
    ways = {'network': network, 'bicubic': lambda x: F.interpolate(x, scale_factor=2, mode='bicubic', align_corners=False)}
    out: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for art in filter(len, held):
        large = torch.from_numpy(np.stack([art.on(i, 'white') for i in range(min(limit, len(art)))])).to(device)
        small = torch.cat([byte(decoded(autoencoder, F.avg_pool2d(x[None], 2), 0)).to(device).float().div(127.5).sub(1) for x in large])
        for way, enlarge in ways.items():
            y = torch.cat([enlarge(x[None]).float().clamp(-1, 1) for x in small])
            error = ((large - y) ** 2).mean((1, 2, 3))
            out[way].append(((10 * torch.log10(4 / error)).mean().item(), edges(y) / edges(large)))
    return out


class Export(nn.Module):
    """The network as programs for upscaling expect it: pictures from 0 to 1."""

    def __init__(self, upscaler: Upscaler) -> None:
        super().__init__()
        self.upscaler = upscaler

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.upscaler(x * 2 - 1) + 1) / 2


def export(network: Upscaler, path: str) -> None:
    plane = {0: 'batch_size', 2: 'height', 3: 'width'}
    write_graph(Export(network.cpu()), (torch.rand(1, 3, 64, 64),), path, ['input'], ['output'], {'input': plane, 'output': plane})


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--archive', required=True, help='zip of the art, drawn at twice the size of the pictures')
    p.add_argument('--concepts', required=True)
    p.add_argument('--weights', required=True, help='weights file or model folder; its autoencoder is used')
    p.add_argument('--styles', default='3d:35,flat:30,line:10,noto:15,twemoji:10', help='styles with their shares')
    p.add_argument('--size', type=int, default=512, help='pixels along a side of the drawn art')
    p.add_argument('--fill', type=int, default=400, help='pairs before the first step')
    p.add_argument('--crop', type=int, default=48)
    p.add_argument('--critic', type=float, default=0, help="the critic's pull, as a part of the pull of the difference to the drawing")
    session.arguments(p, minutes=30, rate=1e-3, batch=16, seed=0)
    p.add_argument('--out', required=True, help='folder for checkpoint.pt, loss.csv and model.onnx')
    a = p.parse_args()
    run = session.Session(a)
    device = run.device
    autoencoder = load(a.weights, device)[2].to(memory_format=torch.channels_last)
    shares = {style: float(share) for style, share in (entry.split(':') for entry in a.styles.split(','))}
    taught = {label: list(shares) for label in read_concepts(a.concepts)}

    def art(labels: dict[str, list[str]] | None, part: str) -> list[Art]:
        # The 3D pictures are no larger than what is to be enlarged.
        return [Art(a.archive, [style], labels, a.size // 2 if style == '3d' else a.size, part=part) for style in shares]

    held = art(None, 'held')
    pairs = Pairs(list(zip(art(taught, 'train'), shares.values())), autoencoder, device)
    network = Upscaler().to(device).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), a.rate, betas=(0.9, 0.99), weight_decay=1e-4)
    critic = Critic(device) if a.critic else None
    average = session.Average(network.state_dict(), 0.998, 10)
    c = run.resume()
    if c:
        network.load_state_dict(c['now'])
        optimiser.load_state_dict(c['optimiser'])
        average.value = {k: v.to(device) for k, v in c['average'].items()}
        if critic and c.get('critic'):
            critic.load(c['critic'])
    while len(pairs.entries) < a.fill:
        pairs.add(8)

    def save() -> None:
        run.save(now=network.state_dict(), average=average.value, optimiser=optimiser.state_dict(), critic=critic and critic.state())
        kept = Upscaler()
        kept.load_state_dict(average.value)
        said = '; '.join(f'{way} ' + ', '.join(f'{quality:.2f} dB {sharp:.0%}' for quality, sharp in of)
                         for way, of in compare(kept.to(device), held, autoencoder, device).items())
        print(f'step {run.step} {run.seconds():.0f} s loss {run.running or 0:.4f}; held out, by style: {said}', flush=True)
        export(kept, f'{a.out}/model.onnx')

    run.start()
    while run.done() < 1:
        run.set_rate(optimiser)
        if run.step % 8 == 0:
            pairs.add(4)
        x, target = pairs.batch(a.batch, a.crop)
        with precision(device):
            y = network(x)
        loss = total = picture_loss(y.float(), target)
        if critic:
            # It begins knowing nothing: it is heard more and more over the first fifth of the run.
            total = loss + a.critic * min(1, run.done() / 0.2) * critic.pull(loss, y, network.last.weight)
        session.descend(total, network.parameters(), optimiser)
        if critic:
            critic.learn(target, y)
        average.add(network.state_dict(), run.step)
        if run.count(loss.item(), 25):
            save()
    save()


if __name__ == '__main__':
    main()
