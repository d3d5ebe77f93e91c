"""The noise schedule and the sampler: scaled linear, zero terminal signal-to-noise ratio, velocity prediction, DDIM."""
import torch


def schedule(steps=1000, first=0.00085, last=0.012):
    """Cumulative products of 1 - beta, rescaled so that the last one is zero (Lin et al. 2023, algorithm 1)."""
    betas = torch.linspace(first**0.5, last**0.5, steps) ** 2
    root = torch.cumprod(1 - betas, 0).sqrt()
    start, end = root[0].clone(), root[-1].clone()
    root = (root - end) * start / (start - end)
    # Through the betas and back, as the reference does: the last bits of float32 differ otherwise.
    bar = root**2
    alphas = torch.cat([bar[:1], bar[1:] / bar[:-1]])
    return torch.cumprod(1 - (1 - alphas), 0)


def timesteps(count, steps=1000):
    """"Trailing" spacing: the last step of training comes first."""
    return [int(t) - 1 for t in torch.round(torch.arange(steps, 0, -steps / count, dtype=torch.float64))]


@torch.no_grad()
def sample(text, unet, ids, empty, noise, count=25, guidance=2.5, progress=None):
    """DDIM (eta 0) with classifier-free guidance from `noise` [B, 4, h, w]; ids [B, T], empty [1, T] -> scaled latents."""
    bar = schedule().to(noise.device)
    batch = len(noise)
    states = torch.cat([text(empty).expand(batch, -1, -1), text(ids)])
    x, times = noise, timesteps(count)
    for i, t in enumerate(times):
        a = bar[t]
        b = bar[times[i + 1]] if i + 1 < count else torch.tensor(1.0, device=noise.device)
        without, with_ = unet(torch.cat([x, x]), torch.full((2 * batch,), float(t), device=noise.device), states).chunk(2)
        v = without + guidance * (with_ - without)
        clean = a.sqrt() * x - (1 - a).sqrt() * v
        noisy = a.sqrt() * v + (1 - a).sqrt() * x
        x = b.sqrt() * clean + (1 - b).sqrt() * noisy
        if progress:
            progress(i)
    return x
