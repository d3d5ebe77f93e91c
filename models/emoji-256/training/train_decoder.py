"""Fine-tunes the decoder, and nothing else, to make clean pictures of the latents that the UNet really gives it.

The encoder stays as it is, so latents keep their meaning and the UNet needs no change. Half of each batch are latents
that the UNet made (drawings noised to some step and denoised again with guidance), a quarter clean latents with a
little noise, a quarter any art. Run again with the same --out to go on from its checkpoint.
"""
import argparse
import math
import os
import random
import time

import numpy as np
import torch

from art import Art, COLOURS, colours, precision, read_concepts, withheld
from diffusion import sample, schedule, timesteps
from networks import Autoencoder, load
from tokenizer import Tokenizer


def picture_loss(y, x):
    """Absolute and squared difference, and the same of edges at three sizes: blotches are wrong edges."""
    d = y - x
    loss = d.abs().mean() + (d**2).mean()
    for k in range(3):
        loss = loss + (d[..., 1:] - d[..., :-1]).abs().mean() + (d[..., 1:, :] - d[..., :-1, :]).abs().mean()
        d = torch.nn.functional.avg_pool2d(d, 2)
    return loss


def psnr(autoencoder, art, device, limit=24):
    """Mean over held-out drawings on white, in dB, through mean latents."""
    out = []
    with torch.no_grad():
        for i in range(min(limit, len(art))):
            x = torch.from_numpy(art.on(i, 'white'))[None].to(device)
            y = autoencoder.decode(autoencoder.encode(x)[0]).clamp(-1, 1)
            out.append(10 * math.log10(4 / ((x - y) ** 2).mean().item()))
    return sum(out) / len(out)


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
    p.add_argument('--minutes', type=float, default=40)
    p.add_argument('--rate', type=float, default=5e-4)
    p.add_argument('--batch', type=int, default=8)
    p.add_argument('--fill', type=int, default=320, help='UNet-made latents before the first step')
    p.add_argument('--seed', type=int, default=2)
    p.add_argument('--threads', type=int, default=0)
    p.add_argument('--out', required=True, help='folder for checkpoint.pt, loss.csv and autoencoder.npz')
    a = p.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    torch.manual_seed(a.seed)
    random.seed(a.seed)
    os.makedirs(a.out, exist_ok=True)

    art = Art(a.archive, a.styles.split(','), read_concepts(a.concepts), part='train')
    other, held = Art(a.archive, every=5, part='train'), Art(a.archive, part='held')
    _, _, old, scale = load(a.weights, device)
    autoencoder = Autoencoder().to(device)
    autoencoder.load_state_dict(old.state_dict(), strict=False)
    autoencoder.to(memory_format=torch.channels_last).eval()
    pool = Pool(a.unet or a.weights, Tokenizer(a.tokenizer), art, autoencoder, scale, device)
    params = [*autoencoder.d.parameters(), *autoencoder.r.parameters()]
    optimiser = torch.optim.AdamW(params, a.rate, betas=(0.9, 0.99), weight_decay=1e-4)
    state = lambda: {k: v for k, v in autoencoder.state_dict().items() if k[0] in 'dr'}
    average = {k: v.detach().clone() for k, v in state().items()}
    step, before, running = 0, 0.0, None
    checkpoint = f'{a.out}/checkpoint.pt'
    if os.path.exists(checkpoint):
        c = torch.load(checkpoint, map_location=device)
        autoencoder.load_state_dict(c['now'], strict=False)
        optimiser.load_state_dict(c['optimiser'])
        average, step, before, running = c['average'], c['step'], c['seconds'], c['running']
    print(f'{len(art)} drawings, {len(other)} others, held-out {psnr(autoencoder, held, device):.2f} dB', flush=True)
    while len(pool.entries) < a.fill:
        pool.add(16)
    print(f'pool {len(pool.entries)}', flush=True)

    def save(elapsed):
        now = {k: v.detach().clone() for k, v in state().items()}
        torch.save(dict(now=now, average=average, optimiser=optimiser.state_dict(), step=step, seconds=elapsed, running=running), checkpoint + '.new')
        os.replace(checkpoint + '.new', checkpoint)
        autoencoder.load_state_dict(average, strict=False)
        np.savez(f'{a.out}/autoencoder.npz', **{'v.' + k: v.detach().cpu().numpy() for k, v in autoencoder.state_dict().items()})
        quality = psnr(autoencoder, held, device)
        autoencoder.load_state_dict(now, strict=False)
        print(f'step {step} {elapsed:.0f} s loss {running:.4f} held-out {quality:.2f} dB, pool {len(pool.entries)}', flush=True)

    total, start = a.minutes * 60, time.time()
    saved = start
    log = open(f'{a.out}/loss.csv', 'a')
    if not step:
        print('step,seconds,loss', file=log)
    while True:
        elapsed = before + time.time() - start
        if elapsed >= total:
            break
        done = elapsed / total
        for g in optimiser.param_groups:
            g['lr'] = a.rate * min(1, (step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * done)) + 1e-5
        if step % 12 == 0:
            pool.add(8)
        half, quarter = a.batch // 2, a.batch // 4
        made = random.sample(pool.entries, half)
        clean = [(art, i, random.choice(colours(art.items[i][0])) if random.random() < 0.5 else 'white') for i in random.choices(range(len(art)), k=a.batch - half - quarter)]
        clean += [(other, i, 'white' if random.random() < 0.5 else tuple(np.random.randint(0, 256, 3))) for i in random.choices(range(len(other)), k=quarter)]
        x = torch.from_numpy(np.stack([art.on(*job) for _, job in made] + [source.on(i, c) for source, i, c in clean])).to(device)
        x = x.contiguous(memory_format=torch.channels_last)
        given = torch.stack([m for m, _ in made]).to(device).float()
        with torch.no_grad(), precision(device):
            z = autoencoder.encode(x[half:])[0].float()
        noise = torch.rand(len(z), 1, 1, 1).to(device) * 0.25
        noise[-quarter:] = 0.03
        z = torch.cat([given, z + noise * torch.randn(z.shape).to(device)])
        with precision(device):
            y = autoencoder.decode(z.contiguous(memory_format=torch.channels_last))
        loss = picture_loss(y.float(), x)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        optimiser.step()
        step += 1
        keep = min(0.998, (step + 1) / (step + 10))
        with torch.no_grad():
            for k, v in state().items():
                average[k].lerp_(v, 1 - keep)
        running = loss.item() if running is None else 0.98 * running + 0.02 * loss.item()
        if step % 25 == 0 or step == 1:
            print(f'{step},{elapsed:.0f},{running:.5f}', file=log, flush=True)
        if time.time() - saved > 240:
            saved = time.time()
            save(elapsed)
    save(total)


if __name__ == '__main__':
    main()
