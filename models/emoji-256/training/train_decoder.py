"""Fine-tunes the decoder, and nothing else, to make clean pictures of the latents that the UNet really gives it.

The encoder stays as it is, so latents keep their meaning and the UNet needs no change. Half of each batch are latents
that the UNet made (drawings noised to some step and denoised again with guidance), a quarter clean latents with a
little noise, a quarter any art. Run again with the same --out to go on from its checkpoint.
"""
import argparse
import math
import os
import random

import numpy as np
import torch

import session
from art import Art, colours, precision, read_concepts, withheld
from diffusion import sample, schedule, timesteps
from networks import Autoencoder, load
from tokenizer import Tokenizer
from train_autoencoder import picture_loss, psnr


class Pool:
    """Latents as the UNet gives them, each with the drawing and colour it stands for."""

    def __init__(self, weights, tokenizer, art, autoencoder, scale, device, size=1600, steps=20):
        self.path, self.tokenizer, self.art, self.autoencoder, self.scale, self.device = weights, tokenizer, art, autoencoder, scale, device
        self.size, self.steps, self.read, self.entries = size, steps, None, []
        self.bar = schedule().to(device)

    def add(self, count):
        changed = os.path.getmtime(self.path)
        if changed != self.read:
            # The UNet may still be training beside this: its newest weights are read again.
            try:
                self.text, self.unet, _, _ = load(self.path, self.device)
                self.read = changed
            except Exception:
                if self.read is None:
                    raise
        jobs = []
        while len(jobs) < count:
            i = random.randrange(len(self.art))
            c = random.choice(colours(self.art.items[i][0])) if random.random() < 0.4 else 'white'
            if not withheld(self.art.label(i), self.art.items[i][0], c):
                jobs.append((i, c))
        captions = [self.art.caption(i, c) or self.art.label(i) for i, c in jobs]
        x = torch.from_numpy(np.stack([self.art.on(i, c) for i, c in jobs])).to(self.device)
        times = timesteps(self.steps)
        first = random.choice([0, 2, 4, 6, 8, 10, 12, 14, 16])
        with torch.no_grad(), precision(self.device):
            clean = self.autoencoder.encode(x.contiguous(memory_format=torch.channels_last))[0].float()
            s = self.bar[times[first]]
            noisy = s.sqrt() * clean * self.scale + (1 - s).sqrt() * torch.randn(clean.shape).to(self.device)
            ids, empty = (torch.tensor([self.tokenizer(t) for t in texts], device=self.device) for texts in (captions, ['']))
            made = sample(self.text, self.unet, ids, empty, noisy, self.steps, random.choice([2.0, 2.5, 3.0]), first=first).float() / self.scale
        # A sample that became another picture teaches nothing about decoding.
        error = ((made - clean) ** 2).mean((1, 2, 3)) / clean.var((1, 2, 3))
        for k, job in enumerate(jobs):
            if error[k] < 0.5:
                self.entries.append((made[k].half().cpu(), job))
        del self.entries[:max(0, len(self.entries) - self.size)]


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--archive', required=True)
    p.add_argument('--concepts', required=True)
    p.add_argument('--tokenizer', required=True)
    p.add_argument('--weights', required=True, help='weights file of all networks; its UNet is used, its autoencoder the start')
    p.add_argument('--unet', help='another weights file for the UNet, read again whenever it changes')
    p.add_argument('--styles', default='3d,flat,line')
    p.add_argument('--size', type=int, default=256)
    p.add_argument('--fill', type=int, default=320, help='UNet-made latents before the first step')
    session.arguments(p, minutes=40, rate=5e-4, batch=8, seed=2)
    p.add_argument('--out', required=True, help='folder for checkpoint.pt, loss.csv and autoencoder.npz')
    a = p.parse_args()
    run = session.Session(a)
    device = run.device

    art = Art(a.archive, a.styles.split(','), read_concepts(a.concepts), a.size, part='train')
    other, held = Art(a.archive, size=a.size, every=5, part='train'), Art(a.archive, size=a.size, part='held')
    _, _, old, scale = load(a.weights, device)
    autoencoder = Autoencoder().to(device)
    autoencoder.load_state_dict(old.state_dict(), strict=False)
    autoencoder.to(memory_format=torch.channels_last).eval()
    pool = Pool(a.unet or a.weights, Tokenizer(a.tokenizer), art, autoencoder, scale, device)
    params = [*autoencoder.d.parameters(), *autoencoder.r.parameters()]
    optimiser = torch.optim.AdamW(params, a.rate, betas=(0.9, 0.99), weight_decay=1e-4)
    state = lambda: {k: v for k, v in autoencoder.state_dict().items() if k[0] in 'dr'}
    average = session.Average(state(), 0.998, 10)
    c = run.resume()
    if c:
        autoencoder.load_state_dict(c['now'], strict=False)
        optimiser.load_state_dict(c['optimiser'])
        average.value = c['average']
    print(f'{len(art)} drawings, {len(other)} others, held-out {psnr(autoencoder, held, device):.2f} dB', flush=True)
    for _ in range(4 * a.fill // 16):
        if len(pool.entries) < a.fill:
            pool.add(16)

    def save():
        now = {k: v.detach().clone() for k, v in state().items()}
        run.save(now=now, average=average.value, optimiser=optimiser.state_dict())
        autoencoder.load_state_dict(average.value, strict=False)
        np.savez(f'{a.out}/autoencoder.npz', **{'v.' + k: v.detach().cpu().numpy() for k, v in autoencoder.state_dict().items()})
        print(f'step {run.step} {run.seconds():.0f} s loss {run.running or 0:.4f} held-out {psnr(autoencoder, held, device):.2f} dB, pool {len(pool.entries)}', flush=True)
        autoencoder.load_state_dict(now, strict=False)

    run.start()
    while run.done() < 1:
        for g in optimiser.param_groups:
            g['lr'] = a.rate * min(1, (run.step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * min(1, run.done()))) + 1e-5
        if run.step % 12 == 0:
            pool.add(8)
        half, quarter = a.batch // 2, a.batch // 4
        # A UNet that knows nothing yet makes nothing usable; then only clean latents are left.
        made = random.sample(pool.entries, min(half, len(pool.entries)))
        half = len(made)
        clean = [(art, i, random.choice(colours(art.items[i][0])) if random.random() < 0.5 else 'white') for i in random.choices(range(len(art)), k=a.batch - half - quarter)]
        clean += [(other, i, 'white' if random.random() < 0.5 else tuple(np.random.randint(0, 256, 3))) for i in random.choices(range(len(other)), k=quarter)]
        x = torch.from_numpy(np.stack([art.on(*job) for _, job in made] + [source.on(i, c) for source, i, c in clean])).to(device)
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), precision(device):
            z = autoencoder.encode(x[half:])[0].float()
        noise = torch.rand(len(z), 1, 1, 1).to(device) * 0.25
        noise[-quarter:] = 0.03
        given = [m.to(device).float()[None] for m, _ in made]
        z = torch.cat([*given, z + noise * torch.randn(z.shape).to(device)])
        with precision(device):
            y = autoencoder.decode(z.contiguous(memory_format=torch.channels_last))
        loss = picture_loss(y.float(), x)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        optimiser.step()
        average.add(state(), run.step)
        if run.count(loss.item(), 25):
            save()
    save()


if __name__ == '__main__':
    main()
