"""Measures the model and prints one table: what it paints against what was asked, by a judge trained on the art alone.

Give --weights to sample here (a weights file or a model folder), or --pictures for a folder that a program painted
(cases.json beside PNGs: prompt, seed, images). --list writes the prompts for such a program and stops.
"""
import argparse
import json
import math
import os
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from PIL import Image

from art import Art, COLOURS, STYLES, colours, precision, read_concepts, withheld

SMALL = 64


def prompts(labels, held_flat):
    """(set, prompt, label, style, colour, seed) of everything measured; the same list for every model."""
    pick = random.Random(7)
    rows = []

    def add(name, chosen, style, colour='white', seed=0):
        for label in chosen:
            text = f'{label}, {STYLES[style][0]}' + ('' if colour == 'white' else f' on a {colour} background')
            rows.append((name, text, label, style, colour, seed + len(rows)))

    def some(n, allowed=lambda label: True):
        return sorted(pick.sample([label for label in labels if allowed(label)], n))

    add('3d', some(min(80, len(labels))), '3d')
    add('line', some(min(30, len(labels))), 'line')
    add('flat', some(min(40, len(labels) - len(held_flat)), lambda label: label not in held_flat), 'flat')
    for c in COLOURS:
        if c != 'white':
            add('colour', some(5, lambda label: not withheld(label, '3d', c)), '3d', c)
            add('colour unseen', some(5, lambda label: withheld(label, '3d', c)), '3d', c)
    add('flat unseen', sorted(held_flat), 'flat')
    for label in some(6):
        for seed in range(4):
            add('seeds', [label], '3d', seed=1000 * seed)
    return rows


class Judge(nn.Module):
    """A small convolutional classifier of 64 px pictures: concept and style."""

    def __init__(self, concepts, styles, widths=(32, 64, 128)):
        super().__init__()
        layers, before = [nn.Conv2d(3, widths[0], 3, stride=2, padding=1), nn.BatchNorm2d(widths[0]), nn.ReLU()], widths[0]
        for w in widths:
            layers += [nn.Conv2d(before, w, 3, padding=1), nn.BatchNorm2d(w), nn.ReLU(), nn.Conv2d(w, w, 3, padding=1), nn.BatchNorm2d(w), nn.ReLU(), nn.MaxPool2d(2)]
            before = w
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(before * (SMALL // 16) ** 2, 256), nn.ReLU(), nn.Dropout(0.2))
        self.concept, self.style = nn.Linear(256, concepts), nn.Linear(256, styles)

    def forward(self, x):
        h = self.body(x)
        return self.concept(h), self.style(h)


def augment(x, mild=False):
    """Random shift, scale, turn, brightness and blur of pictures [B, 3, 64, 64] in [-1, 1]."""
    batch = len(x)
    angle, scale = (torch.rand(batch) - 0.5) * (0.2 if mild else 0.5), 1 + (torch.rand(batch) - 0.5) * (0.2 if mild else 0.4)
    theta = torch.zeros(batch, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = angle.cos() * scale
    theta[:, 0, 1], theta[:, 1, 0] = -angle.sin() * scale, angle.sin() * scale
    theta[:, :, 2] = (torch.rand(batch, 2) - 0.5) * 0.2
    x = F.grid_sample(x, F.affine_grid(theta, x.shape, align_corners=False), padding_mode='border', align_corners=False)
    x = x * (1 + (torch.rand(batch, 3, 1, 1) - 0.5) * 0.3) + (torch.rand(batch, 1, 1, 1) - 0.5) * 0.2 + torch.randn(x.shape) * 0.05 * torch.rand(batch, 1, 1, 1)
    soft = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode='replicate'), 3, 1)
    return torch.where(torch.rand(batch, 1, 1, 1) < 0.4, soft, x).clamp(-1, 1)


def small(art):
    """All drawings at 64 px, colour premultiplied and alpha apart: float32 [N, 3, 64, 64] and [N, 1, 64, 64] in [0, 1]."""
    rgb, alpha = [], []
    for p in art.pictures:
        p = torch.from_numpy(p.astype(np.float32) / 255).permute(2, 0, 1)
        q = F.interpolate(torch.cat([p[:3] * p[3:], p[3:]])[None], size=(SMALL, SMALL), mode='area')[0]
        rgb.append(q[:3])
        alpha.append(q[3:])
    return torch.stack(rgb), torch.stack(alpha)


def judge(archive, labels, cache, steps, seed=3):
    """The judge, trained or read from the cache. One style (twemoji) and the withheld flat icons are kept from it."""
    torch.manual_seed(seed)
    random.seed(seed)
    art = Art(archive, None, labels)
    number = {label: i for i, label in enumerate(labels)}
    order = ['3d', 'flat', 'line', 'noto']
    rgb, alpha = small(art)
    concept = torch.tensor([number[art.label(i)] for i in range(len(art))])
    style = torch.tensor([order.index(s) if s in order else -1 for s, _ in art.items])
    withheld_flat = torch.tensor([s == 'flat' and withheld(art.label(i), s) for i, (s, _) in enumerate(art.items)])
    train = torch.nonzero((style >= 0) & ~withheld_flat).flatten()
    network = Judge(len(labels), len(order))
    if os.path.exists(cache):
        network.load_state_dict(torch.load(cache))
    else:
        optimiser = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=0.02)
        backs = torch.tensor(list(COLOURS.values())).float() / 255
        for step in range(steps):
            for g in optimiser.param_groups:
                g['lr'] = 2e-3 * min(1, (step + 1) / 50) * (1 - step / steps) + 1e-5
            k = train[torch.randint(0, len(train), (96,))]
            back = torch.where(torch.rand(96, 1) < 0.4, torch.ones(96, 3), torch.where(torch.rand(96, 1) < 0.5, backs[torch.randint(0, len(backs), (96,))], torch.rand(96, 3)))
            x = augment((rgb[k] + (1 - alpha[k]) * back[:, :, None, None]) * 2 - 1)
            with precision('cpu'):
                a, b = network(x)
            loss = F.cross_entropy(a.float(), concept[k], label_smoothing=0.05) + 0.3 * F.cross_entropy(b.float(), style[k])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if step % 100 == 99:
                print(f'judge step {step + 1} loss {loss.item():.3f}', flush=True)
        torch.save(network.state_dict(), cache)
    network.eval()

    def accuracy(which):
        with torch.no_grad():
            out = torch.cat([network((rgb[k] + 1 - alpha[k]) * 2 - 1)[0] for k in which.split(64)])
        best = out.topk(5, 1).indices == concept[which][:, None]
        return best[:, 0].float().mean().item(), best.any(1).float().mean().item()

    strength = {'unseen style (twemoji)': accuracy(torch.nonzero(style < 0).flatten()), 'unseen flat icons': accuracy(torch.nonzero(withheld_flat).flatten())}
    for s in order[:3]:
        strength[s] = accuracy(torch.nonzero((style == order.index(s)) & ~withheld_flat).flatten())
    return network, order, art, rgb, alpha, strength


def paint(source, tokenizer_folder, rows, out, steps, guidance, half):
    """Samples every prompt into out/NNN.png and out/cases.json."""
    from diffusion import sample
    from networks import load
    from tokenizer import Tokenizer
    text, unet, autoencoder, scale = load(source)
    tokenizer = Tokenizer(tokenizer_folder)
    os.makedirs(out, exist_ok=True)
    cases = []
    for k in range(0, len(rows), 8):
        part = rows[k:k + 8]
        noise = torch.cat([torch.randn((1, 4, 32, 32), generator=torch.Generator().manual_seed(r[5])) for r in part])
        with torch.no_grad(), torch.autocast('cpu', dtype=torch.bfloat16, enabled=half):
            z = sample(text, unet, torch.tensor([tokenizer(r[1]) for r in part]), torch.tensor([tokenizer('')]), noise, steps, guidance)
        with torch.no_grad():
            y = (autoencoder.decode(z.float() / scale) / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()
        for j, r in enumerate(part):
            name = f'{k + j:03d}'
            Image.fromarray((y[j] * 255).round().astype(np.uint8)).save(f'{out}/{name}.png')
            cases.append(dict(name=name, set=r[0], prompt=r[1], seed=r[5], num_inference_steps=steps, guidance_scale=guidance, scheduler='ddim', images=[name + '.png']))
        print(f'{k + len(part)}/{len(rows)}', end='\r', flush=True)
    with open(f'{out}/cases.json', 'w') as f:
        json.dump(cases, f, indent=1)


def reconstruct(source, archive):
    from networks import load
    from train_autoencoder import psnr
    return psnr(load(source)[2], Art(archive, part='held'), 'cpu')


def measure(folder, rows, labels, network, order, art, rgb, alpha):
    """{line of the table: value} of a folder of pictures."""
    by_prompt = {(r[1], r[5]): r for r in rows}
    with open(f'{folder}/cases.json') as f:
        cases = [c for c in json.load(f) if (c['prompt'], c['seed']) in by_prompt]
    x, info = [], []
    for c in cases:
        p = torch.from_numpy(np.asarray(Image.open(f"{folder}/{c['images'][0]}").convert('RGB')).astype(np.float32) / 255).permute(2, 0, 1)
        x.append(p)
        info.append(by_prompt[c['prompt'], c['seed']])
    large = torch.stack(x)
    x = F.interpolate(large, size=(SMALL, SMALL), mode='area')
    with torch.no_grad():
        concept, style = (torch.cat(o) for o in zip(*[network(p * 2 - 1) for p in x.split(64)]))
    number = {label: i for i, label in enumerate(labels)}
    top = concept.topk(5, 1).indices
    out = {}
    place = {(art.label(i), s): i for i, (s, _) in enumerate(art.items)}
    sets = [s for s in dict.fromkeys(r[0] for r in rows) if any(r[0] == s for r in info)]
    for s in sets:
        of = [k for k, r in enumerate(info) if r[0] == s]
        if s == 'seeds':
            groups = [of[k:k + 4] for k in range(0, len(of), 4)]
            apart = lambda ks: [((x[a] - x[b]) ** 2).mean().sqrt().item() for a in ks for b in ks if a < b]
            out['diversity: RMS between seeds of one prompt'] = f'{np.mean([d for g in groups for d in apart(g)]):.3f}'
            out['diversity: RMS between prompts'] = f'{np.mean(apart([g[0] for g in groups])):.3f}'
            continue
        hits = top[of] == torch.tensor([number[info[k][2]] for k in of])[:, None]
        out[f'{s}: top-1 / top-5'] = f'{100 * hits[:, 0].float().mean():.0f} % / {100 * hits.any(1).float().mean():.0f} % of {len(of)}'
        right = (style[of].argmax(1) == torch.tensor([order.index(info[k][3]) for k in of])).float().mean()
        out[f'{s}: style'] = f'{100 * right:.0f} %'
        edge = torch.cat([large[of][:, :, :6].flatten(2), large[of][:, :, -6:].flatten(2), large[of][:, :, :, :6].flatten(2), large[of][:, :, :, -6:].flatten(2)], 2).median(2).values
        names = list(COLOURS)
        nearest = torch.cdist(edge, torch.tensor(list(COLOURS.values())).float() / 255).argmin(1)
        out[f'{s}: background'] = f'{100 * np.mean([names[nearest[j]] == info[k][4] for j, k in enumerate(of)]):.0f} %'
        mean = []
        for k in of:
            i = place.get((info[k][2], info[k][3]))
            if i is not None:
                target = torch.from_numpy(art.on(i, info[k][4]) / 2 + 0.5)
                mean.append(10 * math.log10(1 / ((large[k] - target) ** 2).mean().item()))
        out[f'{s}: PSNR to the drawing asked for'] = f'{np.mean(mean):.1f} dB'
    of = [k for k, r in enumerate(info) if r[0] == '3d']
    taught = torch.tensor([i for i, (s, _) in enumerate(art.items) if s in ('3d', 'flat', 'line')])
    on_white = rgb[taught] + 1 - alpha[taught]
    distance = torch.cdist(x[of].flatten(1), on_white.flatten(1)) / math.sqrt(3 * SMALL * SMALL)
    nearest = distance.min(1)
    out['copying: RMS to the nearest training drawing (3d)'] = f'{nearest.values.median():.3f}'
    out['copying: nearest is the drawing asked for (3d)'] = f"{100 * np.mean([int(taught[n]) == place[info[k][2], '3d'] for n, k in zip(nearest.indices, of)]):.0f} %"
    between = torch.cdist(on_white.flatten(1), on_white.flatten(1)) / math.sqrt(3 * SMALL * SMALL)
    between.fill_diagonal_(9)
    out['  for scale: RMS of a drawing to its nearest other'] = f'{between.min(1).values.median():.3f}'
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--archive', required=True)
    p.add_argument('--concepts', required=True)
    p.add_argument('--tokenizer')
    p.add_argument('--weights', action='append', default=[], help='weights file or model folder to sample from; may be given again')
    p.add_argument('--pictures', action='append', default=[], help='folder painted by a program; may be given again')
    p.add_argument('--list', help='write the prompts with their seeds, tab between, to this file and stop')
    p.add_argument('--skip', action='append', default=[], help='NAME:SET of a set not to be measured, e.g. v1:flat')
    p.add_argument('--steps', type=int, default=25)
    p.add_argument('--guidance', type=float, default=2.5)
    p.add_argument('--bf16', action='store_true', help='sample in bfloat16: three times as fast, pictures a little different')
    p.add_argument('--judge-steps', type=int, default=1500)
    p.add_argument('--threads', type=int, default=0)
    p.add_argument('--work', required=True, help='folder for the judge and the sampled pictures')
    a = p.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    os.makedirs(a.work, exist_ok=True)
    labels = sorted({label.lower() for label in read_concepts(a.concepts)})
    rows = prompts(labels, [label for label in labels if withheld(label, 'flat')])
    if a.list:
        with open(a.list, 'w') as f:
            f.writelines(f'{r[1]}\t{r[5]}\n' for r in rows)
        return
    network, order, art, rgb, alpha, strength = judge(a.archive, labels, f'{a.work}/judge.pt', a.judge_steps)
    print('The judge on art (top-1 / top-5): ' + '; '.join(f'{k} {100 * v[0]:.0f} % / {100 * v[1]:.0f} %' for k, v in strength.items()) + '\n', flush=True)
    columns = {}
    for source in a.weights:
        name = os.path.splitext(os.path.basename(source.rstrip('/')))[0]
        skipped = {s.split(':')[1] for s in a.skip if s.split(':')[0] == name}
        wanted = [r for r in rows if r[0] not in skipped]
        folder = f'{a.work}/{name}'
        if not os.path.exists(f'{folder}/cases.json'):
            paint(source, a.tokenizer, wanted, folder, a.steps, a.guidance, a.bf16)
        columns[name] = measure(folder, wanted, labels, network, order, art, rgb, alpha)
        columns[name]['autoencoder: PSNR on held-out art'] = f'{reconstruct(source, a.archive):.2f} dB'
    for folder in a.pictures:
        columns[os.path.basename(folder.rstrip('/'))] = measure(folder, rows, labels, network, order, art, rgb, alpha)
    print('| | ' + ' | '.join(columns) + ' |\n|---|' + '---|' * len(columns))
    for line in dict.fromkeys(k for c in columns.values() for k in c):
        print(f'| {line} | ' + ' | '.join(c.get(line, '–') for c in columns.values()) + ' |')


if __name__ == '__main__':
    main()
