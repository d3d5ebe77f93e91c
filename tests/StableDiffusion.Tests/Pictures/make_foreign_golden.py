"""Writes foreign-golden.json: pictures in other formats than PNG, and what Pillow reads of them. Run with Debian's Pillow 9.4:

    /usr/bin/python3 tests/StableDiffusion.Tests/Pictures/make_foreign_golden.py
"""
import base64, io, json, os, zlib
import numpy as np
from PIL import Image, ImageOps

HERE = os.path.dirname(os.path.abspath(__file__))
W, H = 41, 29
icons = Image.open(os.path.join(HERE, "../../../samples/contact-sheet.png")).convert("RGB").crop((20, 20, 20 + W * 4, 20 + H * 4)).resize((W, H), Image.LANCZOS)
x, y = np.meshgrid(np.arange(W), np.arange(H))
noise = np.random.RandomState(5).randn(H, W, 3) * 4
waves = np.stack([128 + 100 * np.sin(x / 3.1) + 20 * np.cos(y / 2), 128 + 90 * np.cos(y / 4 + x / 6), x * 6.0], -1)
photo = Image.fromarray(np.clip(waves + noise, 0, 255).astype("uint8"))
clear = icons.copy()
clear.putalpha(Image.fromarray((x * 6 % 256).astype("uint8")))
few = icons.quantize(40)
files = []


def add(name, picture, expected=None, **options):
    stream = io.BytesIO()
    picture.save(stream, format={"jpg": "JPEG", "webp": "WEBP", "bmp": "BMP", "gif": "GIF", "tif": "TIFF"}[name.split(".")[1]], **options)
    data = stream.getvalue()
    read = Image.open(io.BytesIO(data))
    # TIFFs are turned when they are loaded; this Pillow's exif_transpose would turn them once more.
    read = (read if name.endswith(".tif") else ImageOps.exif_transpose(read)).convert("RGB") if expected is None else expected
    files.append({"name": name, "file": base64.b64encode(data).decode(), "width": read.width, "height": read.height,
                  "rgb": base64.b64encode(zlib.compress(read.tobytes(), 9)).decode()})


for name, picture in (("icons", icons), ("photo", photo)):
    for sampling, number in (("444", 0), ("422", 1), ("420", 2)):
        add(f"{name}-{sampling}.jpg", picture, quality=90, subsampling=number)
        add(f"{name}-{sampling}-progressive.jpg", picture, quality=75, subsampling=number, progressive=True)
    add(f"{name}-gray.jpg", picture.convert("L"), quality=90)
    add(f"{name}-cmyk.jpg", picture.convert("CMYK"), quality=90)
    add(f"{name}-lossy.webp", picture, quality=80)
    add(f"{name}-lossless.webp", picture, lossless=True)
for size in (1, 2, 3, 5):
    add(f"{size}x{size}-420.jpg", photo.crop((3, 3, 3 + size, 3 + size)), quality=90, subsampling=2)
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x112] = orientation
    add(f"turned-{orientation}.jpg", icons, quality=90, subsampling=2, exif=exif)
exif = Image.Exif()
exif[0x112] = 6
add("turned-6.webp", icons, lossless=True, exif=exif)
add("turned-6.tif", icons, tiffinfo={0x112: 6})
add("clear.webp", clear, lossless=True, exact=True)
add("clear-lossy.webp", clear, quality=80)
add("icons.bmp", icons)
add("clear.bmp", clear)
add("gray.bmp", icons.convert("L"))
add("palette.bmp", icons.quantize(16))
add("black-and-white.bmp", icons.convert("1"))
add("icons.gif", icons)
add("interlaced.gif", few, interlace=1)
add("see-through.gif", few, transparency=3)
add("moving.gif", few, save_all=True, append_images=[few.transpose(Image.FLIP_TOP_BOTTOM)])
for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
    add(f"{compression}.tif", photo, compression=compression)
add("clear.tif", clear)
add("gray.tif", icons.convert("L"))
add("palette.tif", few)
gray = icons.convert("L")
# Pillow clips 16-bit gray when it converts; the high byte is what its 16-bit colour gives, and what PNGs give.
add("gray-16.tif", Image.fromarray(np.asarray(gray).astype("uint16") * 256 + 200), expected=gray.convert("RGB"))

# What ImageSharp 2.1 does not read, or not rightly.
add("refused-moving.webp", icons, save_all=True, append_images=[photo], lossless=True)
add("refused-cmyk.tif", icons.convert("CMYK"))
add("refused-fax.tif", icons.convert("1"), compression="group4")
add("refused-black-and-white.tif", icons.convert("1"))

with open(os.path.join(HERE, "foreign-golden.json"), "w") as target:
    target.write("[\n" + ",\n".join(json.dumps(file) for file in files) + "\n]\n")
print(len(files), "files", os.path.getsize(os.path.join(HERE, "foreign-golden.json")), "bytes")
