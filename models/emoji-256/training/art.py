"""The captioned artwork: reading the archive, captions, backgrounds, and which compositions are withheld from training."""
import io
import json
import random
import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from PIL import Image

from captions import Names, caption

Colour = str | Sequence[int]  # a name, or three numbers in 0..255

STYLES = {
    '3d': ['3d render', '3d'], 'flat': ['flat icon', 'flat'], 'line': ['line art', 'black and white line art'],
    'noto': ['cartoon', 'cartoon drawing'], 'twemoji': ['sticker', 'bold sticker'],
}
COLOURS = {
    'white': (255, 255, 255), 'black': (16, 16, 16), 'red': (226, 60, 60), 'blue': (60, 110, 230), 'green': (70, 180, 90),
    'yellow': (250, 215, 70), 'pink': (250, 160, 200), 'gray': (150, 150, 150),
}


def withheld(label: str, colour: str) -> bool:
    """Compositions never trained on, so that they can be measured: one concept and coloured background in twelve."""
    return colour != 'white' and zlib.crc32(f'{label}|{colour}'.encode()) % 12 == 0


def colours(style: str) -> list[str]:
    """Backgrounds a style is drawn on; black lines are not put on black or gray."""
    return [c for c in COLOURS if not (style == 'line' and c in ('black', 'gray'))]


class Art:
    """Drawings as uint8 [N, S, S, 4] with (style, code) each. `styles` None: all; `labels` None: every concept, else {label: its styles}.

    `part`: 'all', 'train', or 'held', the one drawing in 97 that no autoencoder is trained on.
    """

    def __init__(self, archive: str, styles: Collection[str] | None = None, labels: Mapping[str, Collection[str]] | None = None,
                 size: int = 256, every: int = 1, part: str = 'all') -> None:
        with zipfile.ZipFile(archive) as z:
            self.captions = json.loads(z.read('captions.json'))
            names = sorted(n for n in z.namelist() if n.endswith('.webp'))
            self.labels = {code: e['label'].lower() for code, e in self.captions.items()}
            wanted = None if labels is None else {label.lower(): of for label, of in labels.items()}
            self.items, pictures = [], []
            for i, name in enumerate(names):
                style, code = name[:-5].split('/')
                if (styles and style not in styles) or (wanted is not None and style not in wanted.get(self.labels[code], ())):
                    continue
                if i % every or part == ('held' if i % 97 else 'train'):
                    continue
                picture = Image.open(io.BytesIO(z.read(name))).convert('RGBA')
                if picture.size != (size, size):
                    picture = picture.resize((size, size), Image.LANCZOS)
                self.items.append((style, code))
                pictures.append(np.asarray(picture))
        self.pictures = np.stack(pictures) if pictures else np.empty((0, size, size, 4), np.uint8)
        tags = {self.labels[code]: e['tags'] for code, e in self.captions.items() if wanted is None or self.labels[code] in wanted}
        self.names = Names(tags, [t for e in self.captions.values() for t in [e['label'], *e['tags']]])

    def __len__(self) -> int:
        return len(self.items)

    def label(self, i: int) -> str:
        return self.labels[self.items[i][1]]

    def on(self, i: int, colour: Colour) -> np.ndarray:
        """Drawing i on a background: float32 [3, S, S] in [-1, 1]. `colour` is a name or three numbers in 0..255."""
        p = self.pictures[i].astype(np.float32) / 255
        back = np.array(COLOURS[colour] if isinstance(colour, str) else colour, np.float32) / 255
        return ((p[..., :3] * p[..., 3:] + back * (1 - p[..., 3:])) * 2 - 1).transpose(2, 0, 1)

    def caption(self, i: int, colour: str, source: random.Random = random) -> str:
        """A caption as the model is taught it; empty for guidance."""
        return caption([self.label(i)], self.items[i][0], colour, self.names, source)

    def pair(self, i: int, j: int, colour: str, source: random.Random = random) -> np.ndarray:
        """Drawings i and j on a background, each within its half: float32 [3, S, S] in [-1, 1]."""
        s = self.pictures.shape[1]
        out = np.empty((s, s, 3), np.float32)
        out[:] = np.array(COLOURS[colour], np.float32) / 255
        for side, k in enumerate((i, j)):
            width = source.randint(int(s * 0.44), s // 2 - s // 64)
            p = np.asarray(Image.fromarray(self.pictures[k]).resize((width, width), Image.BILINEAR)).astype(np.float32) / 255
            left = s // 2 * side + source.randint(0, s // 2 - width)
            top = (s - width) // 2 + source.randint(-s // 16, s // 16)
            a = p[..., 3:]
            out[top:top + width, left:left + width] = p[..., :3] * a + out[top:top + width, left:left + width] * (1 - a)
        return (out * 2 - 1).transpose(2, 0, 1)


def read_concepts(path: str) -> dict[str, list[str]]:
    """{label: its styles} of a concepts file: a label a line, then a tab and the styles."""
    with open(path, encoding='utf-8') as f:
        return {label: styles.split(',') for label, styles in (line.split('\t') for line in f.read().splitlines() if line)}


def precision(device: str) -> torch.autocast:
    """Half the bits halve the time where the processor has bfloat16, and triple it where it has not; weights stay float32."""
    return torch.autocast(device, dtype=torch.bfloat16, enabled=device != 'cpu' or has_bfloat16())


def has_bfloat16() -> bool:
    """Whether the processor computes with bfloat16: Linux lists avx512_bf16, amx_bf16 or, on ARM, bf16."""
    try:
        with open('/proc/cpuinfo', encoding='utf-8') as f:
            return any('bf16' in line for line in f if line.startswith(('flags', 'Features')))
    except OSError:
        return False
