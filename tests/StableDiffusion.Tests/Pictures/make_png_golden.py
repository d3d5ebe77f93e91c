"""Writes png-golden.json: small PNG files of every kind, and the RGB bytes that Pillow makes of them.

Run with Pillow and NumPy: python3 make_png_golden.py (Debian's python3-pil 9.4 wrote the committed file).
The files are assembled here from the specification, since Pillow writes neither interlaced files nor most depths;
those named "pillow-" are Pillow's own. For 16-bit gray the high byte is expected, where Pillow clips at 255.
"""
import base64
import io
import json
import os
import struct
import zlib

import numpy
from PIL import Image

ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
NAMES = {0: "gray", 2: "rgb", 3: "palette", 4: "gray-alpha", 6: "rgba"}
random = numpy.random.RandomState(7)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack_row(samples, depth):
    if depth == 16:
        return b"".join(struct.pack(">H", s) for s in samples)
    bits = "".join(format(s, "0%db" % depth) for s in samples)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def paeth(a, b, c):
    p = a + b - c
    return min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]


def filter_row(kind, row, above, step):
    out = bytearray([kind])
    for i, x in enumerate(row):
        a, c = (row[i - step], above[i - step]) if i >= step else (0, 0)
        b = above[i]
        out.append((x - [0, a, b, (a + b) // 2, paeth(a, b, c)][kind]) & 255)
    return bytes(out)


def make_png(width, height, depth, colour, interlaced, extra=(), pieces=1):
    channels = CHANNELS[colour]
    colours = 2 ** depth if colour == 3 else 0
    samples = random.randint(0, 2 ** depth, (height, width, channels))
    raw = b""
    for x, y, dx, dy in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        part = samples[y::dy, x::dx]
        if part.size == 0:
            continue
        above = b"\0" * len(pack_row(part[0].ravel(), depth))
        for number, row in enumerate(part):
            packed = pack_row([int(s) for s in row.ravel()], depth)
            raw += filter_row(number % 5, packed, above, max(1, channels * depth // 8))
            above = packed
    data = zlib.compress(raw)
    file = b"\x89PNG\r\n\x1a\n"
    file += chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced)))
    if colour == 3:
        file += chunk(b"PLTE", random.bytes(3 * colours))
    for kind, value in extra:
        file += chunk(kind, value)
    size = -(-len(data) // pieces)
    for at in range(0, len(data), size):
        file += chunk(b"IDAT", data[at:at + size])
    return file + chunk(b"IEND", b""), samples


def rgb(file, samples, depth, colour):
    if depth == 16 and colour == 0:
        return numpy.repeat((samples >> 8).astype("u1"), 3, axis=2).tobytes()
    return Image.open(io.BytesIO(file)).convert("RGB").tobytes()


def pillow_png(image, **options):
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def main():
    cases = []

    def add(name, file, expected):
        cases.append({"name": name, "png": base64.b64encode(file).decode(), "rgb": base64.b64encode(expected).decode()})

    for colour, depths in ((0, (1, 2, 4, 8, 16)), (2, (8, 16)), (3, (1, 2, 4, 8)), (4, (8, 16)), (6, (8, 16))):
        for depth in depths:
            for interlaced in (False, True):
                file, samples = make_png(11, 9, depth, colour, interlaced)
                name = "%s-%d%s" % (NAMES[colour], depth, "-interlaced" if interlaced else "")
                add(name, file, rgb(file, samples, depth, colour))

    for width, height in ((1, 1), (1, 5), (5, 1), (3, 3)):
        file, samples = make_png(width, height, 8, 2, True)
        add("interlaced-%dx%d" % (width, height), file, rgb(file, samples, 8, 2))

    transparent = {0: b"\0\x05", 2: b"\0\1\0\2\0\3", 3: bytes([0, 128, 255])}
    for colour, value in transparent.items():
        file, samples = make_png(7, 5, 8, colour, False, [(b"tRNS", value), (b"gAMA", struct.pack(">I", 45455)), (b"tIME", bytes(7))])
        add("transparent-" + NAMES[colour], file, rgb(file, samples, 8, colour))

    file, samples = make_png(16, 16, 8, 6, False, pieces=20)
    add("many-idat", file, rgb(file, samples, 8, 6))

    noise = Image.fromarray(random.randint(0, 256, (9, 12, 4)).astype("u1"), "RGBA")
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        image = noise.convert("RGB").quantize(13) if mode == "P" else noise.convert(mode)
        add("pillow-" + mode, pillow_png(image, optimize=True), image.convert("RGB").tobytes())

    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, "png-golden.json"), "w", newline="\n") as out:
        out.write("[\n" + ",\n".join("  " + json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
