"""CLIP-format byte-pair encoding in plain Python: reading vocab.json and merges.txt, and building them from captions."""
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable

START, END = '<|startoftext|>', '<|endoftext|>'
UNKNOWN = 1 << 30  # the rank of a pair that is never merged
ENDINGS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")


def alphabet() -> tuple[dict[int, str], list[int]]:
    """The printable stand-in of every byte, as in GPT-2."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {**{b: chr(b) for b in plain}, **{b: chr(256 + i) for i, b in enumerate(others)}}, plain + others


def kind(character: str) -> str:
    """Space, letter, number or other."""
    category = unicodedata.category(character)[0]
    return 's' if character.isspace() else category if category in 'LN' else 'o'


def words(text: str) -> list[str]:
    """CLIP's pieces: English endings, runs of letters, single digits, runs of anything else."""
    text = ' '.join(unicodedata.normalize('NFC', text).split()).lower()
    found, i = [], 0
    while i < len(text):
        ending = next((e for e in ENDINGS if text.startswith(e, i)), None)
        if ending:
            found.append(ending)
            i += len(ending)
            continue
        of, j = kind(text[i]), i + 1
        while of in 'Lo' and j < len(text) and kind(text[j]) == of:
            j += 1
        if of != 's':
            found.append(text[i:j])
        i = j
    return found


class Tokenizer:
    """A tokenizer folder's byte-pair encoding: text -> as many ids as its prompts have."""

    def __init__(self, folder: str) -> None:
        with open(f'{folder}/tokenizer_config.json', encoding='utf-8') as f:
            self.length = json.load(f)['model_max_length']
        with open(f'{folder}/vocab.json', encoding='utf-8') as f:
            self.ids = json.load(f)
        with open(f'{folder}/merges.txt', encoding='utf-8') as f:
            self.ranks = {tuple(line.split()): i for i, line in enumerate(f.read().split('\n')[1:]) if line}
        self.bytes, self.cache = alphabet()[0], {}

    def word(self, word: str) -> list[int]:
        if word not in self.cache:
            parts = [self.bytes[b] for b in word.encode()]
            parts[-1] += '</w>'
            while len(parts) > 1:
                rank, i = min((self.ranks.get(pair, UNKNOWN), i) for i, pair in enumerate(zip(parts, parts[1:])))
                if rank == UNKNOWN:
                    break
                a, b = parts[i], parts[i + 1]
                merged, j = [], 0
                while j < len(parts):
                    if j + 1 < len(parts) and (parts[j], parts[j + 1]) == (a, b):
                        merged.append(a + b)
                        j += 2
                    else:
                        merged.append(parts[j])
                        j += 1
                parts = merged
            self.cache[word] = [self.ids[p] for p in parts]
        return self.cache[word]

    def __call__(self, text: str) -> list[int]:
        """Ids of a prompt, padded with the end token and cut to the model's length."""
        inner = [i for w in words(text) for i in self.word(w)][:self.length - 2]
        return [self.ids[START], *inner] + [self.ids[END]] * (self.length - 1 - len(inner))


def build(lines: Iterable[str], size: int = 4096, least: int = 2) -> tuple[dict[str, int], list[str]]:
    """vocab and merges from the lines: the most frequent pair first, the alphabetically first of equals."""
    table, order = alphabet()
    counts = Counter(w for line in lines for w in words(line))
    pieces = {w: [*(table[b] for b in w.encode()[:-1]), table[w.encode()[-1]] + '</w>'] for w in counts}
    pairs, where = Counter(), {}
    for w, parts in pieces.items():
        for pair in zip(parts, parts[1:]):
            pairs[pair] += counts[w]
            where.setdefault(pair, set()).add(w)
    singles = [table[b] for b in order]
    vocabulary = singles + [s + '</w>' for s in singles]
    known, merges = set(vocabulary), []
    while pairs and len(vocabulary) < size - 2:
        best = min(pairs, key=lambda p: (-pairs[p], p))
        if pairs[best] < least:
            break
        a, b = best
        for w in list(where[best]):
            old, new, j = pieces[w], [], 0
            while j < len(old):
                if j + 1 < len(old) and (old[j], old[j + 1]) == best:
                    new.append(a + b)
                    j += 2
                else:
                    new.append(old[j])
                    j += 1
            for pair in zip(old, old[1:]):
                pairs[pair] -= counts[w]
            for pair in zip(new, new[1:]):
                pairs[pair] += counts[w]
                where.setdefault(pair, set()).add(w)
            pieces[w] = new
        del pairs[best]
        if a + b not in known:
            known.add(a + b)
            vocabulary.append(a + b)
            merges.append(f'{a} {b}')
    return {v: i for i, v in enumerate([*vocabulary, START, END])}, merges
