"""Trains text encoder and UNet together: velocity prediction on the autoencoder's latents.

Run again with the same --out to go on from its checkpoint, with --minutes the new total.
"""
import argparse
import os
import random
from collections import Counter

import numpy as np
import torch

import session
from art import Art, colours, precision, read_concepts, withheld
from captions import caption
from diffusion import schedule
from networks import Autoencoder, TextEncoder, UNet, load
from tokenizer import Tokenizer


Job = tuple[tuple[int, ...], str]  # one drawing or two, and the colour behind them


def jobs_of(art: Art, pairs: int, backgrounds: int) -> list[Job]:
    """Every drawing on white and on at most so many colours it may be trained on, then pairs of one style side by side."""
    jobs: list[Job] = []
    of_style: dict[str, list[int]] = {}
    for i in range(len(art)):
        style = art.items[i][0]
        of_style.setdefault(style, []).append(i)
        taught = [c for c in colours(style) if c != 'white' and not withheld(art.label(i), c)]
        jobs += [((i,), c) for c in ['white', *random.sample(taught, min(backgrounds, len(taught)))]]
    for _ in range(pairs):
        style = art.items[random.randrange(len(art))][0]
        if len(of_style[style]) > 1:
            i, j = random.sample(of_style[style], 2)
            jobs.append(((i, j), 'white' if random.random() < 0.6 else random.choice(colours(style))))
    return jobs


def picture(art: Art, job: Job) -> np.ndarray:
    drawings, colour = job
    return art.on(*drawings, colour) if len(drawings) == 1 else art.pair(*drawings, colour)


def encode(art: Art, autoencoder: Autoencoder, jobs: list[Job], device: str) -> torch.Tensor:
    """Latents of the jobs' pictures: float16 [N, 4, h, w]."""
    out = []
    with torch.no_grad(), precision(device):
        for k in range(0, len(jobs), 32):
            x = torch.from_numpy(np.stack([picture(art, job) for job in jobs[k:k + 32]])).to(device)
            out.append(autoencoder.encode(x.contiguous(memory_format=torch.channels_last))[0].half().cpu().contiguous())
    return torch.cat(out)


class Draw:
    """Which pictures a batch has: drawings by their style's share, half of them on white, and a part that is pairs."""

    def __init__(self, art: Art, jobs: list[Job], shares: dict[str, float], pair_share: float) -> None:
        self.white = {d[0]: k for k, (d, c) in enumerate(jobs) if c == 'white' and len(d) == 1}
        self.other: dict[int, list[int]] = {i: [] for i in self.white}
        for k, (d, c) in enumerate(jobs):
            if len(d) == 1 and c != 'white':
                self.other[d[0]].append(k)
        self.pairs, self.pair_share = [k for k, (d, _) in enumerate(jobs) if len(d) == 2], pair_share
        self.drawings = list(self.white)
        count = Counter(art.items[i][0] for i in self.drawings)
        self.weights = [shares[art.items[i][0]] / count[art.items[i][0]] for i in self.drawings]

    def __call__(self, batch: int) -> list[int]:
        """Numbers of jobs. Half of the pictures are on white: it is what a prompt without a colour asks for."""
        two = sum(random.random() < self.pair_share for _ in range(batch)) if self.pairs else 0
        chosen = random.choices(self.pairs, k=two)
        for i in random.choices(self.drawings, self.weights, k=batch - two):
            chosen.append(self.white[i] if random.random() < 0.5 or not self.other[i] else random.choice(self.other[i]))
        random.shuffle(chosen)
        return chosen


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
    p.add_argument('--pairs', type=int, help='pictures of two drawings side by side; three for each drawing if not given')
    p.add_argument('--backgrounds', type=int, default=7, help='colours that each drawing is encoded on, white aside')
    p.add_argument('--pair-share', type=float, default=0.12, help='part of a batch that is pairs')
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
    else:
        text, unet = TextEncoder().to(device), UNet().to(device)
        files = np.load(a.autoencoder)
        autoencoder = Autoencoder(refine=any(k.startswith('v.r.') for k in files.files)).to(device)
        given = {k[2:]: torch.from_numpy(files[k].astype(np.float32)) for k in files.files if k.startswith('v.')}
        autoencoder.load_state_dict(given)
    autoencoder.eval()
    # The latents are kept: they cost more than an hour of training's first minutes.
    cache = f'{a.out}/latents.pt'
    if os.path.exists(cache):
        z, jobs = torch.load(cache, weights_only=False)
    else:
        jobs = jobs_of(art, 3 * len(art) if a.pairs is None else a.pairs, a.backgrounds)
        z = encode(art, autoencoder, jobs, device)
        torch.save((z, jobs), cache)
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
        texts = [caption([art.label(i) for i in d], art.items[d[0]][0], colour, art.names) for d, colour in (jobs[k] for k in chosen)]
        ids = torch.tensor([tokenizer(text) for text in texts], device=device)
        noisy, t, velocity = noised(z[chosen].to(device).float() * scale, bar)
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
