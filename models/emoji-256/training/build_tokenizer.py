"""Builds the four tokenizer files from the archive's captions: a CLIP-format byte-pair encoding of 4,096 entries at most."""
import argparse
import json
import os
import zipfile

from art import COLOURS, STYLES
from tokenizer import END, START, build

VOCABULARY = 4096


def lines(captions):
    """What the pairs are counted in: labels in every style, keywords, groups, and the words of backgrounds many times."""
    for entry in captions.values():
        for names in STYLES.values():
            yield f"{entry['label']}, {names[0]}"
        for tag in entry['tags']:
            yield tag
            yield f'a {tag} on a background'
        yield entry['group']
    for colour in [*COLOURS, 'purple', 'orange', 'brown', 'teal']:
        for _ in range(200):
            yield f'a photo of an emoji icon drawing, picture in the style of, on a {colour} background'


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--archive', required=True)
    p.add_argument('--length', type=int, default=24, help='tokens of a prompt')
    p.add_argument('--out', required=True)
    a = p.parse_args()
    with zipfile.ZipFile(a.archive) as z:
        captions = json.loads(z.read('captions.json'))
    vocabulary, merges = build(lines(captions), VOCABULARY)
    # The text encoder has 4,096 rows and its two special tokens are the last: a small vocabulary leaves a gap before them.
    vocabulary[START], vocabulary[END] = VOCABULARY - 2, VOCABULARY - 1
    os.makedirs(a.out, exist_ok=True)
    special = lambda text: {'content': text, 'lstrip': False, 'normalized': True, 'rstrip': False, 'single_word': False}
    files = {
        'vocab.json': vocabulary,
        'special_tokens_map.json': {'bos_token': special(START), 'eos_token': special(END), 'pad_token': END, 'unk_token': special(END)},
        'tokenizer_config.json': {
            'added_tokens_decoder': {str(vocabulary[t]): {**special(t), 'special': True} for t in (START, END)},
            'bos_token': START, 'clean_up_tokenization_spaces': False, 'eos_token': END, 'errors': 'replace', 'extra_special_tokens': {},
            'model_max_length': a.length, 'pad_token': END, 'tokenizer_class': 'CLIPTokenizer', 'unk_token': END}}
    for name, value in files.items():
        with open(f'{a.out}/{name}', 'w', encoding='utf-8') as f:
            json.dump(value, f, ensure_ascii=False, indent=None if name == 'vocab.json' else 2)
    with open(f'{a.out}/merges.txt', 'w', encoding='utf-8') as f:
        f.write('#version: 0.2\n' + '\n'.join(merges) + '\n')
    print(f'{len(vocabulary)} entries, {len(merges)} merges')


if __name__ == '__main__':
    main()
