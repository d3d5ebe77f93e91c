"""Trains text encoder and UNet together: velocity prediction on the autoencoder's latents.

Run again with the same --out to go on from its checkpoint, with --minutes the new total.
"""
import argparse
import hashlib
import os
import random
from collections import Counter

import numpy as np
import torch

import session
from art import Art, colours, precision, read_concepts, withheld
from captions import caption
from diffusion import schedule
from networks import Autoencoder, TextEncoder, UNet, load, position_codes
from tokenizer import Tokenizer


Job = tuple[int, str, bool]  # a drawing, the colour behind it, and whether it stands twice, once in each half


def jobs_of(art: Art, backgrounds: int) -> list[Job]:
    """Every drawing on white and on at most so many colours it may be trained on; twice on white and on one of those colours."""
    jobs: list[Job] = []
    for i in range(len(art)):
        taught = [c for c in colours(art.items[i][0]) if c != 'white' and not withheld(art.label(i), c)]
        jobs += [(i, c, False) for c in ['white', *random.sample(taught, min(backgrounds, len(taught)))]]
        jobs += [(i, c, True) for c in ['white', *random.sample(taught, min(1, len(taught)))]]
    return jobs


def picture(art: Art, job: Job) -> np.ndarray:
    drawing, colour, twice = job
    return art.pair(drawing, drawing, colour) if twice else art.on(drawing, colour)


def encode(art: Art, autoencoder: Autoencoder, jobs: list[Job], device: str) -> torch.Tensor:
    """Latents of the jobs' pictures: float16 [N, 4, h, w]."""
    out = []
    with torch.no_grad(), precision(device):
        for k in range(0, len(jobs), 32):
            x = torch.from_numpy(np.stack([picture(art, job) for job in jobs[k:k + 32]])).to(device)
            out.append(autoencoder.encode(x.contiguous(memory_format=torch.channels_last))[0].half().cpu().contiguous())
    return torch.cat(out)


class Draw:
    """Which pictures a batch has: drawings by their style's share, half of them on white, and a part that is pairs.

    A picture is two numbers of jobs: the latents' left half is the first one's, the right half the second one's. Pictures of one drawing
    have the same number twice; a pair is any two drawings of one style on one colour, which were encoded apart: the encoder's reach over
    the middle is background in both.
    """

    def __init__(self, art: Art, jobs: list[Job], shares: dict[str, float], pair_share: float) -> None:
        self.white = {i: k for k, (i, c, twice) in enumerate(jobs) if c == 'white' and not twice}
        self.other: dict[int, list[int]] = {i: [] for i in self.white}
        self.twice: dict[tuple[str, bool], dict[str, list[int]]] = {}
        for k, (i, c, twice) in enumerate(jobs):
            if twice:
                self.twice.setdefault((art.items[i][0], c == 'white'), {}).setdefault(c, []).append(k)
            elif c != 'white':
                self.other[i].append(k)
        self.shares, self.pair_share, self.drawings = shares, pair_share, list(self.white)
        count = Counter(art.items[i][0] for i in self.drawings)
        self.weights = [shares[art.items[i][0]] / count[art.items[i][0]] for i in self.drawings]

    def pair(self) -> tuple[int, int]:
        style = random.choices(list(self.shares), list(self.shares.values()))[0]
        alike = [k for k in self.twice.get((style, random.random() < 0.6), {}).values() if len(k) > 1]
        if not alike:
            return self.one()
        left, right = random.sample(random.choice(alike), 2)
        return left, right

    def one(self) -> tuple[int, int]:
        """Half of the pictures are on white: it is what a prompt without a colour asks for."""
        i = random.choices(self.drawings, self.weights)[0]
        k = self.white[i] if random.random() < 0.5 or not self.other[i] else random.choice(self.other[i])
        return k, k

    def __call__(self, batch: int) -> list[tuple[int, int]]:
        return [self.pair() if random.random() < self.pair_share else self.one() for _ in range(batch)]


def digest(art: Art, jobs: list[Job], autoencoder: Autoencoder) -> str:
    """What the latents are of: an autoencoder that was trained on, or other art, makes others."""
    said = hashlib.sha256(repr(jobs).encode())
    for values in [art.pictures, *(value.cpu().numpy() for value in autoencoder.state_dict().values())]:
        said.update(np.ascontiguousarray(values))
    return said.hexdigest()


def latents(z: torch.Tensor, chosen: list[tuple[int, int]]) -> torch.Tensor:
    """The chosen pictures' latents, each put together of its halves: [B, 4, h, w]."""
    left, right = ([k[side] for k in chosen] for side in (0, 1))
    half = z.shape[-1] // 2
    return torch.cat([z[left][..., :half], z[right][..., half:]], -1)


def text_of(art: Art, jobs: list[Job], chosen: tuple[int, int]) -> str:
    i, colour, twice = jobs[chosen[0]]
    labels = [art.label(i), art.label(jobs[chosen[1]][0])] if twice else [art.label(i)]
    return caption(labels, art.items[i][0], colour, art.names)


def noised(x0: torch.Tensor, bar: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noisy latents, their times and the velocities to predict."""
    batch = len(x0)
    # One time in each of B equal slices, bent towards noise: there the composition is decided.
    u = ((torch.arange(batch) + torch.rand(1)) / batch).clamp(0, 0.9999)
    t = (u**0.75 * 1000).long().to(x0.device)
    s = bar[t].view(-1, 1, 1, 1)
    noise = torch.randn(x0.shape).to(x0.device)
    return s.sqrt() * x0 + (1 - s).sqrt() * noise, t, s.sqrt() * noise - (1 - s).sqrt() * x0


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--archive', required=True, help='zip of the art (build_dataset.py)')
    p.add_argument('--concepts', required=True, help='concepts.txt: the labels to learn')
    p.add_argument('--tokenizer', required=True, help='folder with vocab.json and merges.txt')
    p.add_argument('--weights', help='weights file to go on from (npz); without it everything starts random and --autoencoder is needed')
    p.add_argument('--autoencoder', help='weights file that holds the autoencoder only (train_autoencoder.py)')
    p.add_argument('--styles', default='3d:5,flat:3,line:2', help='styles and how often each is drawn')
    p.add_argument('--backgrounds', type=int, default=7, help='colours that each drawing is encoded on, white aside')
    p.add_argument('--pair-share', type=float, default=0.12, help='part of a batch that is pairs')
    p.add_argument('--positions', type=float, default=0, help='add position codes of this strength to those of the given weights')
    p.add_argument('--size', type=int, default=256)
    session.arguments(p, minutes=60, rate=7e-4, batch=32, seed=1)
    p.add_argument('--out', required=True, help='folder for checkpoint.pt, loss.csv and weights.npz')
    a = p.parse_args()
    run = session.Session(a)
    device = run.device

    shares = {s.split(':')[0]: float(s.split(':')[1]) for s in a.styles.split(',')}
    art = Art(a.archive, shares, read_concepts(a.concepts), a.size)
    tokenizer = Tokenizer(a.tokenizer)
    if a.weights:
        text, unet, autoencoder, scale = load(a.weights, device)
        text.pos.data += a.positions * position_codes(*text.pos.shape).to(device)
    else:
        text, unet = TextEncoder().to(device), UNet().to(device)
        files = np.load(a.autoencoder)
        autoencoder = Autoencoder(refine=any(k.startswith('v.r.') for k in files.files)).to(device)
        given = {k[2:]: torch.from_numpy(files[k].astype(np.float32)) for k in files.files if k.startswith('v.')}
        autoencoder.load_state_dict(given)
    autoencoder.eval()
    # The latents are kept: they cost more than an hour of training's first minutes.
    cache, jobs = f'{a.out}/latents.pt', jobs_of(art, a.backgrounds)
    of = digest(art, jobs, autoencoder)
    kept = torch.load(cache, weights_only=False) if os.path.exists(cache) else {}
    if kept.get('of') == of:
        z = kept['latents']
    else:
        z = encode(art, autoencoder, jobs, device)
        torch.save({'of': of, 'latents': z}, cache)
    # From given weights the scale stays, or what they learnt would not fit.
    if not a.weights:
        scale = float(1 / z.float().std())
    draw = Draw(art, jobs, shares, a.pair_share)
    print(f'{len(art)} drawings, {len(jobs)} latents, scale {scale:.4f}, {device}', flush=True)

    unet.to(memory_format=torch.channels_last).train()
    text.train()
    params = [*unet.parameters(), *text.parameters()]
    optimiser = torch.optim.AdamW(params, a.rate, betas=(0.9, 0.99), weight_decay=0.01)

    def state() -> dict[str, torch.Tensor]:
        return {f'{prefix}.{k}': v for prefix, network in (('u', unet), ('t', text)) for k, v in network.state_dict().items()}

    average = session.Average(state(), 0.9995, 20)
    c = run.resume()
    if c:
        unet.load_state_dict({k[2:]: v for k, v in c['now'].items() if k[0] == 'u'})
        text.load_state_dict({k[2:]: v for k, v in c['now'].items() if k[0] == 't'})
        optimiser.load_state_dict(c['optimiser'])
        average.value = {k: v.to(device) for k, v in c['average'].items()}

    def save() -> None:
        run.save(now=state(), average=average.value, optimiser=optimiser.state_dict())
        shipped = {**average.value, **{'v.' + k: v for k, v in autoencoder.state_dict().items()}}
        np.savez(f'{a.out}/weights.npz', scale=np.float32(scale), **{k: v.detach().cpu().numpy() for k, v in shipped.items()})
        rate = a.batch * run.step / max(run.seconds(), 1)
        print(f'step {run.step} {run.seconds():.0f} s loss {run.running or 0:.4f} {rate:.1f} samples/s', flush=True)

    bar = schedule().to(device)
    run.start()
    while run.done() < 1:
        for g in optimiser.param_groups:
            g['lr'] = a.rate * min(1, (run.step + 1) / 150) * min(1, (1 - min(1, run.done())) / 0.6) + 5e-6
        chosen = draw(a.batch)
        ids = torch.tensor([tokenizer(text_of(art, jobs, k)) for k in chosen], device=device)
        noisy, t, velocity = noised(latents(z, chosen).to(device).float() * scale, bar)
        with precision(device):
            predicted = unet(noisy.contiguous(memory_format=torch.channels_last), t, text(ids))
        loss = ((predicted.float() - velocity) ** 2).mean()
        session.descend(loss, params, optimiser)
        average.add(state(), run.step)
        if run.count(loss.item(), 50):
            save()
    save()


if __name__ == '__main__':
    main()
