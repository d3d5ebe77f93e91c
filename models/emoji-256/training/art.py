"""The captioned artwork: reading the archive, captions, backgrounds, and which compositions are withheld from training."""
import io
import json
import random
import zipfile
import zlib

import numpy as np
import torch
from PIL import Image

STYLES = {'3d': ['3d render', '3d'], 'flat': ['flat icon', 'flat'], 'line': ['line art', 'black and white line art'], 'noto': ['cartoon', 'cartoon drawing'], 'twemoji': ['sticker', 'bold sticker']}
COLOURS = {'white': (255, 255, 255), 'black': (16, 16, 16), 'red': (226, 60, 60), 'blue': (60, 110, 230), 'green': (70, 180, 90), 'yellow': (250, 215, 70), 'pink': (250, 160, 200), 'gray': (150, 150, 150)}


def withheld(label, style, colour='white'):
    """Compositions never trained on, so that they can be measured: one concept in eight as a flat icon, one concept and coloured background in six."""
    return (style == 'flat' and zlib.crc32(f'{label}|flat'.encode()) % 8 == 0) or (colour != 'white' and zlib.crc32(f'{label}|{colour}'.encode()) % 6 == 0)


def colours(style):
    """Backgrounds a style is drawn on; black lines are not put on black or gray."""
    return [c for c in COLOURS if not (style == 'line' and c in ('black', 'gray'))]


class Art:
    """Drawings as uint8 [N, S, S, 4] with (style, code) each. `styles` None: all; `labels` None: every concept.

    `part`: 'all', 'train', or 'held', the one drawing in 97 that no autoencoder is trained on.
    """

    def __init__(self, archive, styles=None, labels=None, size=256, every=1, part='all'):
        with zipfile.ZipFile(archive) as z:
            self.captions = json.loads(z.read('captions.json'))
            names = sorted(n for n in z.namelist() if n.endswith('.webp'))
            wanted = None if labels is None else {label.lower() for label in labels}
            self.items, pictures = [], []
            for i, name in enumerate(names):
                style, code = name[:-5].split('/')
                if (styles and style not in styles) or (wanted is not None and self.captions[code]['label'].lower() not in wanted) or i % every or part == ('held' if i % 97 else 'train'):
                    continue
                picture = Image.open(io.BytesIO(z.read(name))).convert('RGBA')
                if picture.size != (size, size):
                    picture = picture.resize((size, size), Image.LANCZOS)
                self.items.append((style, code))
                pictures.append(np.asarray(picture))
        self.pictures = np.stack(pictures)

    def __len__(self):
        return len(self.items)

    def label(self, i):
        return self.captions[self.items[i][1]]['label'].lower()

    def on(self, i, colour):
        """Drawing i on a background: float32 [3, S, S] in [-1, 1]. `colour` is a name or three numbers in 0..255."""
        p = self.pictures[i].astype(np.float32) / 255
        back = np.array(COLOURS[colour] if isinstance(colour, str) else colour, np.float32) / 255
        return ((p[..., :3] * p[..., 3:] + back * (1 - p[..., 3:])) * 2 - 1).transpose(2, 0, 1)

    def caption(self, i, colour, random=random):
        """A caption as the model is taught it: label or keyword, usually the style, the colour unless white (then sometimes); empty for guidance."""
        if random.random() < 0.08:
            return ''
        entry = self.captions[self.items[i][1]]
        text = entry['label'].lower() if random.random() < 0.92 or not entry['tags'] else random.choice(entry['tags'])
        if random.random() < 0.85:
            text += ', ' + random.choice(STYLES[self.items[i][0]])
        if colour != 'white' or random.random() < 0.3:
            text += f' on a {colour} background'
        return text


def read_concepts(path):
    """Labels of a concepts file: one a line, then a tab and the styles."""
    with open(path, encoding='utf-8') as f:
        return [line.split('\t')[0] for line in f.read().splitlines() if line]


def precision(device):
    """Half the bits halve the time where the processor has bfloat16; weights stay float32."""
    return torch.autocast(device, dtype=torch.bfloat16)
