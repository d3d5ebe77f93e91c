"""Rebuilds the archive of captioned art from the npm packages (needs npm and Node.js), or compares two archives.

build_dataset.py ARCHIVE [--folder DIR]      installs the packages in DIR, draws, packs
build_dataset.py ARCHIVE --compare OTHER     says how the two differ
"""
import argparse
import io
import json
import os
import shutil
import subprocess
import tempfile
import zipfile

import numpy as np
from PIL import Image

STYLES = ('3d', 'flat', 'line', 'noto', 'twemoji')


def build(archive, folder):
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'dataset')
    for name in ('package.json', 'draw.mjs'):
        shutil.copyfile(f'{here}/{name}', f'{folder}/{name}')
    subprocess.run(['npm', 'install', '--no-audit', '--no-fund', '--silent'], cwd=folder, check=True)
    subprocess.run(['node', 'draw.mjs', 'art'], cwd=folder, check=True)
    with zipfile.ZipFile(archive, 'w') as z:
        # A fixed date, so that the same packages give the same bytes.
        put = lambda name, data: z.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data)
        for style in STYLES:
            for name in sorted(os.listdir(f'{folder}/art/{style}')):
                path, stem = f'{folder}/art/{style}/{name}', name.split('.')[0]
                if name.endswith('.webp'):
                    with open(path, 'rb') as f:
                        put(f'{style}/{stem}.webp', f.read())
                else:
                    data = io.BytesIO()
                    Image.open(path).convert('RGBA').save(data, 'WEBP', quality=90, method=4)
                    put(f'{style}/{stem}.webp', data.getvalue())
        with open(f'{folder}/art/captions.json', 'rb') as f:
            put('captions.json', f.read())


def compare(first, second):
    a, b = zipfile.ZipFile(first), zipfile.ZipFile(second)
    left, right = (json.loads(z.read('captions.json')) for z in (a, b))
    print(f'captions: {len(left)} and {len(right)}; only in one: {sorted(set(left) ^ set(right))}; different: {sum(left[k] != right[k] for k in left if k in right)}')
    for style in STYLES:
        names = [{n for n in z.namelist() if n.startswith(style + '/')} for z in (a, b)]
        both = sorted(names[0] & names[1])
        equal, differences = 0, []
        for n in both:
            if a.read(n) == b.read(n):
                equal += 1
            elif len(differences) < 200:
                x, y = (np.asarray(Image.open(io.BytesIO(z.read(n))).convert('RGBA').resize((256, 256))).astype(np.float32) for z in (a, b))
                white = [p[..., :3] * p[..., 3:] / 255 + 255 - p[..., 3:] for p in (x, y)]
                differences.append(np.abs(white[0] - white[1]).mean())
        said = f', mean difference of {len(differences)} others {np.mean(differences):.2f} of 255, largest {np.max(differences):.2f}' if differences else ''
        print(f'{style}: {len(names[0])} and {len(names[1])} drawings; only first {sorted(names[0] - names[1])}, only second {sorted(names[1] - names[0])}; {equal} equal bytes{said}')


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('archive')
    p.add_argument('--folder', help='where packages and drawings go (default: a temporary folder)')
    p.add_argument('--compare', help='another archive')
    a = p.parse_args()
    if a.compare:
        compare(a.archive, a.compare)
    elif a.folder:
        os.makedirs(a.folder, exist_ok=True)
        build(a.archive, a.folder)
    else:
        with tempfile.TemporaryDirectory() as folder:
            build(a.archive, folder)


if __name__ == '__main__':
    main()
