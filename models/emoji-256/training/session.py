"""What the three trainers share: how far a run is, its loss file, its checkpoint, and a step."""
import argparse
import math
import os
import random
import time
from collections.abc import Iterable

import torch


def arguments(parser: argparse.ArgumentParser, minutes: float, rate: float, batch: int, seed: int) -> None:
    """The options that all trainers have."""
    parser.add_argument('--minutes', type=float, default=minutes, help='length of the run, earlier runs with the same --out included')
    parser.add_argument('--steps', type=int, default=1 << 40, help='stop after this many steps at the latest')
    parser.add_argument('--rate', type=float, default=rate, help='peak learning rate')
    parser.add_argument('--batch', type=int, default=batch)
    parser.add_argument('--seed', type=int, default=seed)
    parser.add_argument('--threads', type=int, default=0, help='0: as many as PyTorch likes')
    parser.add_argument('--save-minutes', type=float, default=5)


def descend(loss: torch.Tensor, parameters: Iterable[torch.nn.Parameter], optimiser: torch.optim.Optimizer) -> None:
    """One step down the gradient, which is cut to length 1."""
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimiser.step()


class Session:
    """One run: seeds, clock, smoothed loss and the checkpoint in folder `out`."""

    def __init__(self, a: argparse.Namespace) -> None:
        if a.threads:
            torch.set_num_threads(a.threads)
        torch.manual_seed(a.seed)
        random.seed(a.seed)
        os.makedirs(a.out, exist_ok=True)
        self.a, self.step, self.before, self.running, self.log = a, 0, 0.0, None, None
        self.device = 'cuda' if torch.cuda.is_available() else 'cpu'
        self.checkpoint = f'{a.out}/checkpoint.pt'

    def resume(self) -> dict | None:
        """The checkpoint's parts, or None."""
        if not os.path.exists(self.checkpoint):
            return None
        c = torch.load(self.checkpoint, map_location='cpu', weights_only=False)
        self.step, self.before, self.running = c['step'], c['seconds'], c['running']
        torch.set_rng_state(c['torch'])
        random.setstate(c['random'])
        print(f'goes on from step {self.step}', flush=True)
        return c

    def save(self, **parts: object) -> None:
        parts.update(step=self.step, seconds=self.seconds(), running=self.running)
        parts.update(torch=torch.get_rng_state(), random=random.getstate())
        torch.save(parts, self.checkpoint + '.new')
        os.replace(self.checkpoint + '.new', self.checkpoint)

    def start(self) -> None:
        self.begin = self.saved = time.time()
        self.log = open(f'{self.a.out}/loss.csv', 'a')
        if not self.step:
            print('step,seconds,loss', file=self.log)

    def seconds(self) -> float:
        return self.before + time.time() - self.begin

    def done(self) -> float:
        """How much of the run is behind: 0 to 1."""
        return max(self.seconds() / (60 * self.a.minutes), self.step / self.a.steps)

    def set_rate(self, optimiser: torch.optim.Optimizer) -> None:
        """The learning rate of the next step: up for 100 steps, then down half a cosine."""
        for g in optimiser.param_groups:
            g['lr'] = self.a.rate * min(1, (self.step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * min(1, self.done()))) + 1e-5

    def count(self, loss: float, every: int) -> bool:
        """Counts a step; writes the smoothed loss each `every` steps. True when a checkpoint is due."""
        self.step += 1
        self.running = loss if self.running is None else 0.98 * self.running + 0.02 * loss
        if self.step % every == 0 or self.step == 1 or self.step >= self.a.steps:
            print(f'{self.step},{self.seconds():.0f},{self.running:.5f}', file=self.log, flush=True)
        if time.time() - self.saved < 60 * self.a.save_minutes:
            return False
        self.saved = time.time()
        return True


class Average:
    """Exponential moving average of a state, slow to start being slow."""

    def __init__(self, state: dict[str, torch.Tensor], most: float, head: int) -> None:
        self.value, self.most, self.head = {k: v.detach().clone() for k, v in state.items()}, most, head

    @torch.no_grad()
    def add(self, state: dict[str, torch.Tensor], step: int) -> None:
        keep = min(self.most, (step + 1) / (step + self.head))
        for k, v in state.items():
            self.value[k].lerp_(v, 1 - keep)
