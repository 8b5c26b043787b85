"""Attach GAIN to the smallest model of every module of timm, and write docs/supported-models.md.

    python tools/sweep.py                 # all: half an hour on 2 cores
    python tools/sweep.py resnet vit_     # modules whose names contain one of these; nothing is written

Each model, with random weights, makes one training step with ``loss_am`` alone. In its row, `ok` says that

* a gradient, finite and not zero, reached its parameters,
* its maps are finite and not flat,
* its features, read as a grid, change most in that corner in which the image was changed.
"""

import argparse
import gc
import platform
import re
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import timm
import torch
from torch import Tensor

from gain_plugin import GAIN
from gain_plugin.layers import find_layers, to_grid

REPORT = Path('docs/supported-models.md')
CORNERS = {'top left': (0, 0), 'top right': (0, 1), 'bottom left': (1, 0)}


def smallest_models() -> dict[str, str]:
    """The model with the fewest parameters of each module, without those that timm has for tests."""
    smallest = {}
    for module in timm.list_modules():
        names = timm.list_models(module=module)
        # building each would take a quarter of an hour, most of it for the large ones
        small = [name for name in names if not re.match('test_|.*(base|large|huge|giant|gigantic)', name)]
        smallest[module] = min(small or names, key=count_parameters)
    return smallest


def count_parameters(name: str) -> float:
    """Infinity where the model cannot be built without memory."""
    try:
        with torch.device('meta'):
            return sum(parameter.numel() for parameter in timm.create_model(name).parameters())
    except (NotImplementedError, RuntimeError):
        return float('inf')


def sweep(models: dict[str, str]) -> Iterator[tuple[str, ...]]:
    """One row of the table for each."""
    for module, name in models.items():
        begin = time.time()
        try:
            row = (*attach(name), 'ok')
        except Exception as error:  # whatever a model does, the others go on
            row = ('', '', '', '', f'{type(error).__name__}: {error}'.splitlines()[0][:160])
        gc.collect()  # models refer to themselves
        yield (module, name, *row, f'{time.time() - begin:.0f}')


def attach(name: str) -> tuple[str, str, str, str]:
    """Target layer, score layer, shape and grid; an error says what does not hold."""
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=4)
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)  # a head that begins at zero has no maps
    found = find_layers(model)
    grid = next(grid for grid in found.grids if grid.name == found.target)
    images = torch.randn(2, 3, *found.image_size)
    gain = GAIN(model)
    check_step(gain, images)
    gain.eval()
    maps = gain.attention(images, torch.ones(2, 4))
    if not maps.isfinite().all() or not (maps.amax((1, 2)) > maps.amin((1, 2))).any():
        raise ValueError('maps are flat or not finite')
    check_upright(gain, images[:1])
    return f'`{found.target}`', f'`{found.score}`', str(grid.shape), f'{grid.height} x {grid.width}'


def check_step(gain: GAIN, images: Tensor) -> None:
    """A training step with the guidance alone reaches the parameters."""
    _, losses = gain(images, torch.ones(len(images), 4))
    losses['loss_am'].backward()
    gradients = [parameter.grad for parameter in gain.classifier.parameters() if parameter.grad is not None]
    if not any(gradient.any() for gradient in gradients):
        raise ValueError('loss_am has no gradient')
    if not all(gradient.isfinite().all() for gradient in gradients):
        raise ValueError('the gradient of loss_am is not finite')


def check_upright(gain: GAIN, images: Tensor) -> None:
    """What changes in a corner of the image changes the features most in that corner of the grid."""
    size = tuple(images.shape[-2:])
    plain = features_of(gain, images)
    for corner, (row, column) in CORNERS.items():
        changed = images.clone()
        quadrant(changed, row, column).mul_(-1)
        change = (to_grid(features_of(gain, changed) - plain, size)).abs().mean((0, 1))
        share = {other: quadrant(change, *place).mean() for other, place in CORNERS.items()}
        if max(share, key=share.__getitem__) != corner:
            raise ValueError(f'maps are not upright: a change {corner} is felt {max(share, key=share.__getitem__)}')


@torch.no_grad()
def features_of(gain: GAIN, images: Tensor) -> Tensor:
    """What the target layer gives."""
    with gain.record() as recorder:
        gain.classifier(images)
    return recorder[gain.target_layer]


def quadrant(image: Tensor, row: int, column: int) -> Tensor:
    """A view of one quarter of an image or a grid; the middle row and column of an odd one belong to none."""
    height, width = (side // 2 for side in image.shape[-2:])
    rows = slice(-height, None) if row else slice(height)
    return image[..., rows, slice(-width, None) if column else slice(width)]


def write_report(rows: list[tuple[str, ...]]) -> None:
    """The table, with what it was made by."""
    works = sum(row[-2] == 'ok' for row in rows)
    title = ('module', 'smallest model', 'target layer', 'score layer', 'shape', 'grid', '', 's')
    lines = [title, ('---',) * len(title), *rows]
    REPORT.write_text(
        f'# Supported models\n\n`GAIN(timm.create_model(NAME))` works for {works} of the {len(rows)} modules of timm '
        f'{timm.__version__}, tried with the smallest model of each by `python tools/sweep.py` (torch '
        f'{torch.__version__}, Python {platform.python_version()}, {torch.get_num_threads()} thread(s), '
        f'{sum(int(row[-1]) for row in rows) / 60:.0f} min). `tools/sweep.py` says what is checked. '
        '`python -m gain_plugin.layers NAME` shows any other model.\n\n'
        + '\n'.join(f'| {" | ".join(line)} |' for line in lines)
        + '\n'
    )


def main() -> None:
    """Sweep all modules, or some."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('modules', nargs='*', help='parts of the names of modules; default: all')
    parts = parser.parse_args().modules
    warnings.filterwarnings('ignore')
    models = smallest_models()
    chosen = {module: models[module] for module in models if not parts or any(part in module for part in parts)}
    rows = []
    for row in sweep(chosen):
        rows.append(row)
        print(*row, sep=' | ', flush=True)
    if not parts:
        write_report(rows)


if __name__ == '__main__':
    main()
