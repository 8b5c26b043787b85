"""Guide a small network on random batches for hours, and look for what creeps: memory, descriptors, threads, drift.

    python tools/soak.py --minutes 120

Batches differ in size, in the size of images, in labels (none among them) and in whether they have masks; every
twentieth is refused on purpose, for an error must leave nothing behind. All four scorers take turns. Beside them a
network is guided with ``alpha=0``, on the same batches as a plain one: their weights have to stay equal to the bit. The
exit status is 1 if they do not, if memory grows by more than 1 MB in 1000 steps, or if tensors, descriptors, threads
or hooks are left.
"""

import argparse
import copy
import gc
import os
import threading
import time
from itertools import count
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gain_plugin import GAIN, GAINLoss
from gain_plugin.scorers import SCORERS

CLASSES = 5
SIDES = (24, 40, 56)  # of images: few, for oneDNN keeps something for each new shape, guided or not
SETTLED = 0.5  # of the steps, after which memory is measured


class Network(nn.Module):
    """Convolutions, batch norm, dropout and a head that is not linear."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 16, 3, 2, 1), nn.Tanh()
        )
        self.head = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Dropout(0.3), nn.Linear(16, CLASSES))

    def forward(self, images: Tensor) -> Tensor:
        """(N, K) scores."""
        return self.head(self.features(images).mean((-2, -1)))


def batch(random: torch.Generator) -> tuple[Tensor, Tensor, Tensor | None]:
    """Images, labels, and masks half of the time."""
    size, height, width = (int(torch.randint(3, (), generator=random)) for _ in range(3))
    size, height, width = size + 1, SIDES[height], SIDES[width]
    images = torch.randn(size, 3, height, width, generator=random)
    labels = (torch.rand(size, CLASSES, generator=random) < 0.3).long()
    masks = torch.randint(0, CLASSES + 1, (size, height, width), generator=random)
    return images, labels, masks if torch.rand((), generator=random) < 0.5 else None


def train(network: nn.Module, optimizer: torch.optim.Optimizer, model: GAIN | None, data: tuple, seed: int) -> None:
    """One step, of the network alone or with its guidance."""
    images, labels, masks = data
    torch.manual_seed(seed)
    scores, losses = (network(images), {}) if model is None else model(images, labels, masks)
    loss = F.multilabel_soft_margin_loss(scores, labels.float()) + sum(losses.values())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def refused(model: GAIN, data: tuple) -> None:
    """A call that must raise an error."""
    images, labels, _ = data
    try:
        model(images, labels[:, 1:])
    except ValueError:
        return
    raise SystemExit('labels of another number of classes were taken')


def resident() -> float:
    """Memory of this process in MB."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / 2**20


def main() -> int:
    """Soak for the minutes of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--minutes', type=float, default=120)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    random = torch.Generator().manual_seed(args.seed)
    torch.manual_seed(args.seed)
    plain = Network()
    networks = {name: copy.deepcopy(plain) for name in ('plain', 'alpha 0', *SCORERS)}
    models: dict[str, GAIN] = {
        name: GAIN(networks[name], target_layer='features', score_layer='', scorer=name) for name in SCORERS
    }
    nothing = GAINLoss(alpha=0, ext_weight=0)
    models['alpha 0'] = GAIN(networks['alpha 0'], nothing, target_layer='features', score_layer='', scorer='frozen')
    optimizers = {name: torch.optim.SGD(network.parameters(), 0.01) for name, network in networks.items()}
    begin, memory, others = time.time(), [], sorted(SCORERS)
    before = len(os.listdir('/proc/self/fd')), threading.active_count()
    for step in count():
        data = batch(random)
        for name in ('plain', 'alpha 0', others[step % len(others)]):
            train(networks[name], optimizers[name], models.get(name), data, step)
        if step % 20 == 0:
            refused(models['frozen'], data)
        if step % 200 == 0:
            gc.collect()
            tensors = sum(isinstance(thing, Tensor) for thing in gc.get_objects())
            memory.append((step, resident(), tensors))
        if time.time() - begin > 60 * args.minutes:
            break
    late = np.array(memory[int(SETTLED * len(memory)) :])
    slope = 1000 * np.polyfit(late[:, 0], late[:, 1], 1)[0] if len(late) > 2 else 0.0
    pairs = zip(networks['plain'].state_dict().values(), networks['alpha 0'].state_dict().values(), strict=True)
    drift = max((one - other).abs().max().item() for one, other in pairs)
    after = len(os.listdir('/proc/self/fd')), threading.active_count()
    hooks = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for n in networks.values() for m in n.modules())
    finite = all(value.isfinite().all() for network in networks.values() for value in network.state_dict().values())
    print(
        f'{step + 1} steps in {(time.time() - begin) / 60:.0f} min: memory {late[0, 1]:.0f} to {late[-1, 1]:.0f} MB, '
        f'{slope:+.3f} MB in 1000 steps, {late[0, 2]:.0f} to {late[-1, 2]:.0f} tensors; '
        f'descriptors {before[0]} to {after[0]}, threads {before[1]} to {after[1]}, '
        f'{hooks} hooks left; drift of alpha 0 from plain {drift:g}; weights {"finite" if finite else "NOT FINITE"}'
    )
    return int(drift > 0 or slope > 1 or late[-1, 2] > late[0, 2] + 2 or after != before or hooks > 0 or not finite)


if __name__ == '__main__':
    raise SystemExit(main())
