"""Trains the autoencoder from nothing on random crops of all the art, on white or on any colour."""
import argparse
import math
import random

import numpy as np
import torch

import session
from art import Art, precision
from networks import Autoencoder


def picture_loss(y, x):
    """Absolute and squared difference, and the same of edges at three sizes: blotches are wrong edges."""
    d = y - x
    loss = d.abs().mean() + (d**2).mean()
    for _ in range(3):
        loss = loss + (d[..., 1:] - d[..., :-1]).abs().mean() + (d[..., 1:, :] - d[..., :-1, :]).abs().mean()
        d = torch.nn.functional.avg_pool2d(d, 2)
    return loss


@torch.no_grad()
def psnr(autoencoder, art, device, limit=24):
    """Mean over held-out drawings on white, in dB, through mean latents."""
    out = []
    for i in range(min(limit, len(art))):
        x = torch.from_numpy(art.on(i, 'white'))[None].to(device)
        y = autoencoder.decode(autoencoder.encode(x)[0]).clamp(-1, 1)
        out.append(10 * math.log10(4 / ((x - y) ** 2).mean().item()))
    return sum(out) / max(len(out), 1)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--archive', required=True, help='zip of the art (build_dataset.py)')
    p.add_argument('--size', type=int, default=256)
    p.add_argument('--crop', type=int, default=96)
    session.arguments(p, minutes=20, rate=1.2e-3, batch=16, seed=0)
    p.add_argument('--out', required=True, help='folder for checkpoint.pt, loss.csv and autoencoder.npz')
    a = p.parse_args()
    run = session.Session(a)
    art, held = Art(a.archive, size=a.size, part='train'), Art(a.archive, size=a.size, part='held')
    network = Autoencoder(refine=False).to(run.device).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), a.rate, betas=(0.9, 0.99), weight_decay=1e-4)
    average = session.Average(network.state_dict(), 0.998, 10)
    c = run.resume()
    if c:
        network.load_state_dict(c['now'])
        optimiser.load_state_dict(c['optimiser'])
        average.value = c['average']
    crop = min(a.crop, a.size)

    def piece():
        i = random.randrange(len(art))
        y, x = (random.randrange(0, a.size - crop + 1) for _ in range(2))
        if art.pictures[i][y:y + crop, x:x + crop, 3].max() < 20:
            # An empty corner teaches little: take the middle.
            y = x = (a.size - crop) // 2
        back = (255, 255, 255) if random.random() < 0.5 else [random.randrange(256) for _ in range(3)]
        cut = art.on(i, back)[:, y:y + crop, x:x + crop]
        return cut[:, :, ::-1] if random.random() < 0.5 else cut

    def save():
        run.save(now=network.state_dict(), average=average.value, optimiser=optimiser.state_dict())
        now = {k: v.clone() for k, v in network.state_dict().items()}
        network.load_state_dict(average.value)
        np.savez(f'{a.out}/autoencoder.npz', **{'v.' + k: v.cpu().numpy() for k, v in average.value.items()})
        print(f'step {run.step} {run.seconds():.0f} s loss {run.running or 0:.4f} held-out {psnr(network, held, run.device):.2f} dB', flush=True)
        network.load_state_dict(now)

    run.start()
    while run.done() < 1:
        for g in optimiser.param_groups:
            g['lr'] = a.rate * min(1, (run.step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * min(1, run.done()))) + 1e-5
        x = torch.from_numpy(np.stack([piece() for _ in range(a.batch)])).to(run.device).contiguous(memory_format=torch.channels_last)
        with precision(run.device):
            mean, log_variance = network.encode(x)
            y = network.decode(mean + torch.randn(mean.shape).to(run.device) * (log_variance * 0.5).exp())
        mean, log_variance = mean.float(), log_variance.float()
        # A light pull towards a normal distribution: enough to bound the latents, too little to blur.
        pull = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()
        loss = picture_loss(y.float(), x) + 1e-3 * pull
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        average.add(network.state_dict(), run.step)
        if run.count(loss.item(), 25):
            save()
    save()


if __name__ == '__main__':
    main()
