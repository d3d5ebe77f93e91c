"""slerp-golden.json: the webui's slerp (modules/rng.py) in torch 1.13. python3 make_slerp_golden.py > slerp-golden.json"""
import json
import torch


def slerp(val, low, high):
    low_norm = low / torch.norm(low, dim=1, keepdim=True)
    high_norm = high / torch.norm(high, dim=1, keepdim=True)
    dot = (low_norm * high_norm).sum(1)
    if dot.mean() > 0.9995:
        return low * val + high * (1 - val)
    omega = torch.acos(dot)
    so = torch.sin(omega)
    return (torch.sin((1.0 - val) * omega) / so).unsqueeze(1) * low + (torch.sin(val * omega) / so).unsqueeze(1) * high


cases = []
for seed, other, strength, shape in [(1, 2, 0.1, (4, 5, 3)), (7, 8, 0.5, (4, 8, 8)), (7, 8, 1.0, (2, 6, 4)), (3, 3, 0.3, (1, 4, 4))]:
    low = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    high = torch.randn(shape, generator=torch.Generator().manual_seed(other))
    cases.append({"shape": shape, "strength": strength, "low": low.flatten().tolist(), "high": high.flatten().tolist(), "result": slerp(strength, low, high).flatten().tolist()})
print(json.dumps(cases))
