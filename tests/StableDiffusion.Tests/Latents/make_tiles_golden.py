"""tiles-golden.json: what diffusers' AutoencoderKL.tiled_decode and _tiled_encode make with a network that knows its tile.
python3 make_tiles_golden.py > tiles-golden.json (torch 1.13; the loops are those of diffusers 0.39, autoencoder_kl.py)"""
import json
import torch


def blend_v(a, b, extent):
    extent = min(a.shape[2], b.shape[2], extent)
    for y in range(extent):
        b[:, :, y, :] = a[:, :, -extent + y, :] * (1 - y / extent) + b[:, :, y, :] * (y / extent)
    return b


def blend_h(a, b, extent):
    extent = min(a.shape[3], b.shape[3], extent)
    for x in range(extent):
        b[:, :, :, x] = a[:, :, :, -extent + x] * (1 - x / extent) + b[:, :, :, x] * (x / extent)
    return b


def tiled(z, fed, given, factor, network):
    overlap_size = int(fed * (1 - factor))
    blend_extent = int(given * factor)
    row_limit = given - blend_extent
    rows = [[network(z[:, :, i:i + fed, j:j + fed]) for j in range(0, z.shape[3], overlap_size)] for i in range(0, z.shape[2], overlap_size)]
    result_rows = []
    for i, row in enumerate(rows):
        result_row = []
        for j, tile in enumerate(row):
            if i > 0:
                tile = blend_v(rows[i - 1][j], tile, blend_extent)
            if j > 0:
                tile = blend_h(row[j - 1], tile, blend_extent)
            result_row.append(tile[:, :, :row_limit, :row_limit])
        result_rows.append(torch.cat(result_row, dim=3))
    return torch.cat(result_rows, dim=2)


def decode(t):
    """Twice as large, and the tile's mean added, by which one tile differs from the next."""
    return t.repeat_interleave(2, 2).repeat_interleave(2, 3) + t.mean()


def encode(t):
    """Half as large."""
    return t[:, :, ::2, ::2] + t.mean()


cases = []
for name, network, shape, fed, given in [("decode", decode, (2, 10, 13), 4, 8), ("decode", decode, (1, 16, 8), 8, 16), ("decode", decode, (1, 9, 5), 4, 8),
                                         ("encode", encode, (2, 20, 26), 8, 4), ("encode", encode, (3, 16, 40), 16, 8)]:
    torch.manual_seed(len(cases))
    z = torch.randn(1, *shape)
    cases.append({"name": name, "shape": shape, "fed": fed, "step": int(fed * 0.75), "input": z.flatten().tolist(), "output": tiled(z, fed, given, 0.25, network).flatten().tolist()})
print(json.dumps(cases))
