"""Writes resize-golden.json: what Pillow's Image.resize, and diffusers' resize modes on top of it, make of small pictures.

Run with Pillow and NumPy: python3 make_resize_golden.py (Debian's python3-pil 9.4 wrote the committed file).
The pictures are made by a formula that the tests repeat; results are kept as SHA-256 of their bytes.
crop and fill do the Pillow calls that diffusers' VaeImageProcessor makes (image_processor.py).
"""
import hashlib
import json
import os

import numpy
from PIL import Image

FILTERS = {"Bilinear": Image.BILINEAR, "Bicubic": Image.BICUBIC, "Lanczos": Image.LANCZOS}


def picture(width, height, channels):
    i = numpy.arange(width * height * channels, dtype=numpy.uint64)
    values = (((i * 2654435761) & 0xFFFFFFFF) >> 13 & 255).astype("u1").reshape(height, width, channels)
    return Image.fromarray(values, "RGB") if channels == 3 else Image.fromarray(values[:, :, 0], "L")


def sha256(image):
    return hashlib.sha256(image.tobytes()).hexdigest()


def fit(image, width, height, mode):
    ratio, own_ratio = width / height, image.width / image.height
    if mode == "Crop":
        by_width, by_height = ratio > own_ratio, ratio <= own_ratio
    else:
        by_width, by_height = ratio < own_ratio, ratio >= own_ratio
    w = width if by_width else image.width * height // image.height
    h = height if by_height else image.height * width // image.width
    scaled = image.resize((w, h), Image.LANCZOS)
    left, top = width // 2 - w // 2, height // 2 - h // 2
    canvas = Image.new("RGB", (width, height))
    canvas.paste(scaled, (left, top))
    if mode == "Fill" and ratio < own_ratio and top > 0:
        canvas.paste(scaled.resize((width, top), box=(0, 0, width, 0)), (0, 0))
        canvas.paste(scaled.resize((width, top), box=(0, h, width, h)), (0, top + h))
    if mode == "Fill" and ratio > own_ratio and left > 0:
        canvas.paste(scaled.resize((left, height), box=(0, 0, 0, height)), (0, 0))
        canvas.paste(scaled.resize((left, height), box=(w, 0, w, height)), (left + w, 0))
    return canvas


def main():
    resizes, fits = [], []
    for channels in (1, 3):
        source = (61, 43)
        for target in ((61, 43), (64, 64), (61, 20), (20, 43), (17, 90), (122, 86), (1, 1), (200, 3)):
            for name, number in FILTERS.items():
                result = picture(*source, channels).resize(target, number)
                resizes.append({"source": source, "channels": channels, "target": target, "filter": name, "sha256": sha256(result)})
    for source, target in (((1200, 800), (512, 512)), ((100, 130), (512, 768)), ((1, 1), (64, 64)), ((2000, 3), (64, 64))):
        result = picture(*source, 3).resize(target, Image.LANCZOS)
        resizes.append({"source": source, "channels": 3, "target": target, "filter": "Lanczos", "sha256": sha256(result)})

    for mode in ("Crop", "Fill"):
        for source in ((61, 43), (43, 61), (50, 50), (128, 16), (16, 128)):
            for target in ((64, 64), (64, 40), (40, 64), (33, 65)):
                result = fit(picture(*source, 3), *target, mode)
                fits.append({"source": source, "target": target, "fit": mode, "sha256": sha256(result), "gray": sha256(result.convert("L"))})

    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, "resize-golden.json"), "w", newline="\n") as out:
        lists = [json.dumps(name) + ": [\n" + ",\n".join("  " + json.dumps(case) for case in cases) + "\n]"
                 for name, cases in (("resizes", resizes), ("fits", fits))]
        out.write("{\n" + ",\n".join(lists) + "\n}\n")


if __name__ == "__main__":
    main()
