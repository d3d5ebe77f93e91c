"""Builds the four tokenizer files from the archive's captions: a CLIP-format byte-pair encoding of 4,096 entries at most."""
import argparse
import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping

from art import COLOURS, STYLES, read_concepts
from captions import AFTER, BACKGROUNDS, BEFORE, PLACES, Names
from captions import STYLES as CAPTION_STYLES
from tokenizer import END, START, build

VOCABULARY = 4096


def lines(captions: Mapping[str, dict], concepts: Iterable[str]) -> Iterator[str]:
    """What the pairs are counted in: everything a caption of the concepts can hold, many times, then the words of all other art."""
    tags = {e['label'].lower(): e['tags'] for e in captions.values()}
    names = Names({label.lower(): tags[label.lower()] for label in concepts})
    for label in names.other:
        for text in [label, *names.other[label]]:
            for _ in range(20):
                yield text
        for text in names.keywords[label]:
            for _ in range(3):
                yield text
    styled = [text for words, phrases in CAPTION_STYLES.values() for text in [*words, *phrases]]
    for text in [*BEFORE, *AFTER, *PLACES, *BACKGROUNDS, *styled]:
        for _ in range(50):
            yield text.replace('{}', '')
    for entry in captions.values():
        for styles in STYLES.values():
            yield f"{entry['label']}, {styles[0]}"
        for tag in entry['tags']:
            yield tag
            yield f'a {tag} on a background'
        yield entry['group']
    for colour in [*COLOURS, 'purple', 'orange', 'brown', 'teal']:
        for _ in range(200):
            yield f'a photo of an emoji icon drawing, picture in the style of, on a {colour} background'


def special(text: str) -> dict:
    return {'content': text, 'lstrip': False, 'normalized': True, 'rstrip': False, 'single_word': False}


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--archive', required=True)
    p.add_argument('--concepts', required=True, help='labels to learn: their names and captions are counted')
    p.add_argument('--length', type=int, default=32, help='tokens of a prompt')
    p.add_argument('--out', required=True)
    a = p.parse_args()
    with zipfile.ZipFile(a.archive) as z:
        captions = json.loads(z.read('captions.json'))
    vocabulary, merges = build(lines(captions, read_concepts(a.concepts)), VOCABULARY)
    # The text encoder has 4,096 rows and its two special tokens are the last: a small vocabulary leaves a gap before them.
    vocabulary[START], vocabulary[END] = VOCABULARY - 2, VOCABULARY - 1
    os.makedirs(a.out, exist_ok=True)
    files = {
        'vocab.json': vocabulary,
        'special_tokens_map.json': {
            'bos_token': special(START), 'eos_token': special(END), 'pad_token': END, 'unk_token': special(END)},
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
