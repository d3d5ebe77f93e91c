"""Trains text encoder and UNet together: velocity prediction on the autoencoder's latents.

Run again with the same --out to go on from its checkpoint, with --minutes the new total.
"""
import argparse
import os
import random

import numpy as np
import torch

import session
from art import Art, colours, precision, read_concepts, withheld
from diffusion import schedule
from networks import Autoencoder, TextEncoder, UNet, load
from tokenizer import Tokenizer


def encode(art, autoencoder, device):
    """Latents of every drawing on every background it may be trained on: float16 [N, 4, h, w], and (drawing, colour) of each."""
    jobs = [(i, c) for i in range(len(art)) for c in colours(art.items[i][0]) if not withheld(art.label(i), art.items[i][0], c)]
    out = []
    with torch.no_grad(), precision(device):
        for k in range(0, len(jobs), 32):
            x = torch.from_numpy(np.stack([art.on(i, c) for i, c in jobs[k:k + 32]])).to(device)
            out.append(autoencoder.encode(x.contiguous(memory_format=torch.channels_last))[0].half().cpu().contiguous())
    return torch.cat(out), jobs


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--archive', required=True, help='zip of the art (build_dataset.py)')
    p.add_argument('--concepts', required=True, help='concepts.txt: the labels to learn')
    p.add_argument('--tokenizer', required=True, help='folder with vocab.json and merges.txt')
    p.add_argument('--weights', help='weights file to go on from (npz); without it everything starts random and --autoencoder is needed')
    p.add_argument('--autoencoder', help='weights file that holds the autoencoder only (train_autoencoder.py)')
    p.add_argument('--styles', default='3d:5,flat:3,line:2', help='styles and how often each is drawn')
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
        text, unet, autoencoder, given = load(a.weights, device)
    else:
        text, unet = TextEncoder().to(device), UNet().to(device)
        files = np.load(a.autoencoder)
        autoencoder = Autoencoder(refine=any(k.startswith('v.r.') for k in files.files)).to(device)
        autoencoder.load_state_dict({k[2:]: torch.from_numpy(files[k].astype(np.float32)) for k in files.files if k.startswith('v.')})
    autoencoder.eval()
    # The latents are kept: they cost more than an hour of training's first minutes.
    cache = f'{a.out}/latents.pt'
    if os.path.exists(cache):
        z, jobs = torch.load(cache)
    else:
        z, jobs = encode(art, autoencoder, device)
        torch.save((z, jobs), cache)
    # From given weights the scale stays, or what they learnt would not fit.
    scale = given if a.weights else float(1 / z.float().std())
    white = {i: k for k, (i, c) in enumerate(jobs) if c == 'white'}
    other = {i: [k for k, (j, c) in enumerate(jobs) if j == i and c != 'white'] or [white[i]] for i in white}
    drawn = list(white)
    count = {s: sum(art.items[i][0] == s for i in drawn) for s in shares}
    weights = [shares[art.items[i][0]] / count[art.items[i][0]] for i in drawn]
    print(f'{len(art)} drawings, {len(jobs)} latents, scale {scale:.4f}, {device}', flush=True)

    unet.to(memory_format=torch.channels_last).train()
    text.train()
    params = [*unet.parameters(), *text.parameters()]
    optimiser = torch.optim.AdamW(params, a.rate, betas=(0.9, 0.99), weight_decay=0.01)
    state = lambda: {**{'u.' + k: v for k, v in unet.state_dict().items()}, **{'t.' + k: v for k, v in text.state_dict().items()}}
    average = session.Average(state(), 0.9995, 20)
    c = run.resume()
    if c:
        unet.load_state_dict({k[2:]: v for k, v in c['now'].items() if k[0] == 'u'})
        text.load_state_dict({k[2:]: v for k, v in c['now'].items() if k[0] == 't'})
        optimiser.load_state_dict(c['optimiser'])
        average.value = {k: v.to(device) for k, v in c['average'].items()}

    def save():
        run.save(now=state(), average=average.value, optimiser=optimiser.state_dict())
        shipped = {**average.value, **{'v.' + k: v for k, v in autoencoder.state_dict().items()}}
        np.savez(f'{a.out}/weights.npz', scale=np.float32(scale), **{k: v.detach().cpu().numpy() for k, v in shipped.items()})
        print(f'step {run.step} {run.seconds():.0f} s loss {run.running or 0:.4f} {a.batch * run.step / max(run.seconds(), 1):.1f} samples/s', flush=True)

    bar = schedule().to(device)
    known = {}
    run.start()
    while run.done() < 1:
        for g in optimiser.param_groups:
            g['lr'] = a.rate * min(1, (run.step + 1) / 150) * min(1, (1 - min(1, run.done())) / 0.6) + 5e-6
        # Half of the pictures on white: it is what a prompt without a colour asks for.
        drawings = random.choices(drawn, weights, k=a.batch)
        chosen = [white[i] if random.random() < 0.5 else random.choice(other[i]) for i in drawings]
        captions = [art.caption(i, jobs[k][1]) for i, k in zip(drawings, chosen)]
        for s in captions:
            if s not in known:
                known[s] = tokenizer(s)
        ids = torch.tensor([known[s] for s in captions], device=device)
        x0 = z[chosen].to(device).float() * scale
        # One time in each of B equal slices, bent towards noise: there the composition is decided.
        u = ((torch.arange(a.batch) + torch.rand(1)) / a.batch).clamp(0, 0.9999)
        t = (u**0.75 * 1000).long().to(device)
        s = bar[t].view(-1, 1, 1, 1)
        noise = torch.randn(x0.shape).to(device)
        noisy = s.sqrt() * x0 + (1 - s).sqrt() * noise
        velocity = s.sqrt() * noise - (1 - s).sqrt() * x0
        with precision(device):
            predicted = unet(noisy.contiguous(memory_format=torch.channels_last), t, text(ids))
        loss = ((predicted.float() - velocity) ** 2).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        optimiser.step()
        average.add(state(), run.step)
        if run.count(loss.item(), 50):
            save()
    save()


if __name__ == '__main__':
    main()
