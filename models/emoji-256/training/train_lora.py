"""Trains a LoRA for the model: a style it was never taught, such as pixel art, from some dozens of drawings of things it knows.

The weights are frozen; what is learnt is a small change of the UNet's. Half of the captions name no style, so that with the
LoRA a prompt alone asks for the new one. Run again with the same --out to go on from its checkpoint.
"""
import argparse
import random
import re

import numpy as np
import torch

import low_rank
import session
from art import Art, precision, read_concepts
from captions import around, subject
from diffusion import schedule
from networks import load
from tokenizer import Tokenizer
from train_diffusion import encode, noised


def pixelated(pictures: np.ndarray, squares: int) -> np.ndarray:
    """Drawings [N, S, S, 4] as so many squares a side: each wholly there or not, in one of 216 colours."""
    count, size = pictures.shape[:2]
    one = size // squares
    cut = pictures.astype(np.float32).reshape(count, squares, one, squares, one, 4)
    alpha = cut[..., 3:].sum((2, 4))
    colour = (cut[..., :3] * cut[..., 3:]).sum((2, 4)) / np.maximum(alpha, 1)
    there = 255 * (alpha > 127 * one * one)
    coarse = np.concatenate([np.round(colour / 51) * 51, there], -1).astype(np.uint8)
    return coarse.repeat(one, 1).repeat(one, 2)


def caption(art: Art, drawing: int, words: str, colour: str) -> str:
    """A caption as captions.py makes it, with the new style's words or without any; empty for guidance."""
    if random.random() < 0.08:
        return ''
    label = art.label(drawing)
    text = label if random.random() < 0.4 else around(subject(label, art.names, random), art.names, random)
    if random.random() < 0.5:
        text += ', ' + words
    return text if colour == 'white' else f'{text} on a {colour} background'


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--archive', required=True, help='zip of the art (build_dataset.py)')
    p.add_argument('--concepts', required=True, help='concepts.txt: the labels that the model knows')
    p.add_argument('--weights', required=True, help='model folder or weights file (npz) to change')
    p.add_argument('--tokenizer', required=True, help='folder with vocab.json and merges.txt')
    p.add_argument('--style', default='flat', help='folder of the archive with the drawings')
    p.add_argument('--squares', type=int, default=16, help='drawings are cut to so many squares a side; 0 leaves them as they are')
    p.add_argument('--words', default='pixel art', help='what the style is called')
    p.add_argument('--labels', help='draw only these: a regular expression')
    p.add_argument('--drawings', type=int, default=120, help='of so many things at most')
    p.add_argument('--colours', default='white,blue,yellow,pink', help='backgrounds; half of the pictures are on the first')
    p.add_argument('--rank', type=int, default=8)
    p.add_argument('--size', type=int, default=256)
    session.arguments(p, minutes=10, rate=2e-3, batch=32, seed=1)
    p.add_argument('--out', required=True, help='folder for checkpoint.pt, loss.csv and lora.safetensors')
    a = p.parse_args()
    run = session.Session(a)
    device = run.device

    # Things that are known in most styles are known best.
    concepts = read_concepts(a.concepts)
    most = max(map(len, concepts.values()))
    known = [label for label, styles in concepts.items() if len(styles) == most and re.search(a.labels or '', label)]
    chosen = random.Random(a.seed).sample(known, min(a.drawings, len(known)))
    art = Art(a.archive, [a.style], {label: [a.style] for label in chosen}, a.size)
    if a.squares:
        art.pictures = pixelated(art.pictures, a.squares)
    tokenizer = Tokenizer(a.tokenizer)
    text, unet, autoencoder, scale = load(a.weights, device)
    text.requires_grad_(False)
    colours = a.colours.split(',')
    jobs = [(i, colour, False) for i in range(len(art)) for colour in colours]
    z = encode(art, autoencoder, jobs, device)
    changes = low_rank.attach(unet, a.rank)
    params = [x for change in changes.values() for x in change.parameters()]
    optimiser = torch.optim.AdamW(params, a.rate, betas=(0.9, 0.99), weight_decay=0.01)
    print(f'{len(art)} drawings, {len(changes)} modules, {sum(x.numel() for x in params)} numbers, {device}', flush=True)

    def state() -> dict[str, torch.Tensor]:
        return {f'{path}.{k}': v for path, change in changes.items() for k, v in change.state_dict().items()}

    def put(values: dict[str, torch.Tensor]) -> None:
        for path, change in changes.items():
            change.load_state_dict({k: values[f'{path}.{k}'] for k in ('a', 'b')})

    average = session.Average(state(), 0.99, 20)
    c = run.resume()
    if c:
        put(c['now'])
        optimiser.load_state_dict(c['optimiser'])
        average.value = {k: v.to(device) for k, v in c['average'].items()}

    def save() -> None:
        now = {k: v.clone() for k, v in state().items()}
        run.save(now=now, average=average.value, optimiser=optimiser.state_dict())
        put(average.value)
        about = {'style': a.words, 'drawings': str(len(art)), 'steps': str(run.step)}
        low_rank.write(changes, f'{a.out}/lora.safetensors', about)
        put(now)
        print(f'step {run.step} {run.seconds():.0f} s loss {run.running or 0:.4f}', flush=True)

    bar = schedule().to(device)
    unet.to(memory_format=torch.channels_last).train()
    run.start()
    while run.done() < 1:
        for g in optimiser.param_groups:
            g['lr'] = a.rate * min(1, (run.step + 1) / 20) * min(1, (1 - min(1, run.done())) / 0.6) + 1e-5
        drawings = [random.randrange(len(art)) for _ in range(a.batch)]
        backs = [0 if random.random() < 0.5 else random.randrange(len(colours)) for _ in drawings]
        ids = torch.tensor([tokenizer(caption(art, i, a.words, colours[b])) for i, b in zip(drawings, backs)], device=device)
        x0 = z[[i * len(colours) + b for i, b in zip(drawings, backs)]].to(device).float() * scale
        noisy, t, velocity = noised(x0, bar)
        with precision(device):
            with torch.no_grad():
                states = text(ids)
            predicted = unet(noisy.contiguous(memory_format=torch.channels_last), t, states)
        loss = ((predicted.float() - velocity) ** 2).mean()
        session.descend(loss, params, optimiser)
        average.add(state(), run.step)
        if run.count(loss.item(), 10):
            save()
    save()


if __name__ == '__main__':
    main()
