"""Carries weights over to another tokenizer: a new token starts as the sum of the old tokens that spell it."""
import argparse
import json

import numpy as np
import torch

from networks import POSITIONS, TextEncoder, read
from tokenizer import END, START, UNKNOWN, Tokenizer


def spell(old: Tokenizer, token: str) -> list[int]:
    """Ids of the old tokens that spell a new one."""
    ending = token.endswith('</w>')
    parts = list(token[:-4] if ending else token)
    if ending:
        parts[-1] += '</w>'
    while len(parts) > 1:
        rank, i = min((old.ranks.get(pair, UNKNOWN), i) for i, pair in enumerate(zip(parts, parts[1:])))
        if rank == UNKNOWN:
            break
        parts[i:i + 2] = [parts[i] + parts[i + 1]]
    return [old.ids[p] for p in parts]


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--weights', required=True)
    p.add_argument('--old', required=True, help='folder of the tokenizer that the weights were trained with')
    p.add_argument('--new', required=True)
    p.add_argument('--out', required=True, help='weights file (npz)')
    a = p.parse_args()
    weights, old = read(a.weights), Tokenizer(a.old)
    with open(f'{a.new}/vocab.json', encoding='utf-8') as f:
        new = json.load(f)
    before = weights['t.emb.weight']
    # Rows that no token has keep noise; they are never looked up.
    after = np.random.default_rng(0).normal(0, 0.5, before.shape).astype(np.float32)
    for token, i in new.items():
        after[i] = before[old.ids[token]] if token in (START, END) else before[spell(old, token)].sum(0)
    weights['t.emb.weight'] = after
    if len(weights['t.pos']) < POSITIONS:
        # An older export holds only the positions of its shorter prompts.
        torch.manual_seed(0)
        more = TextEncoder().pos.detach().numpy()
        weights['t.pos'] = np.concatenate([weights['t.pos'], more[len(weights['t.pos']):]])
    np.savez(a.out, **weights)


if __name__ == '__main__':
    main()
