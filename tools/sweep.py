"""Attach GAIN to many models, and write what came out into docs/supported-models.md.

    python tools/sweep.py                 # the smallest model of every module of timm: ten minutes of CPU
    python tools/sweep.py resnet vit_     # modules whose names contain one of these; the other rows stay
    python tools/sweep.py --mmseg         # the families of mmseg's own configs, attached as GAINHook does it
    python tools/sweep.py --mmseg swin

Each model, with random weights, makes one training step with ``loss_am`` alone. In its row, `ok` says that

* a gradient, finite and not zero, reached its parameters,
* its maps are finite and not flat,
* of timm: its features, read as a grid, depend in their corners on those of the image, in no other order more.
"""

import argparse
import multiprocessing
import platform
import re
import resource
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import distributions
from itertools import permutations
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor

from gain_plugin import GAIN
from gain_plugin.layers import find_layers, to_grid

REPORT = Path('docs/supported-models.md')
CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))  # of an image or a grid, from top left to bottom right
MEMORY = 16 * 2**30  # bytes of addresses a model may take, so that a large one fails alone
FOUND = ('target layer', 'score layer', 'features', 'grid')  # what attaching tells, the columns in the middle
COMMANDS = {'timm': 'python tools/sweep.py', 'mmseg': 'python tools/sweep.py --mmseg'}
PACKAGES = {
    'timm': ('torch', 'timm'),
    'mmseg': ('torch', 'onedl-mmsegmentation', 'onedl-mmcv', 'onedl-mmengine', 'onedl-mmpretrain', 'onedl-mmdetection'),
}
Row = tuple[str, ...]


def smallest_models(parts: list[str]) -> dict[Row, str]:
    """The model with the fewest parameters of each module, without those that timm has for tests."""
    smallest: dict[Row, str] = {}
    for module in timm.list_modules():
        if parts and not any(part in module for part in parts):
            continue
        names = timm.list_models(module=module)
        # of dozens, building each would take a quarter of an hour, most of it for the large ones
        small = [name for name in names if not re.match('test_|.*(base|large|huge|giant|gigantic)', name)]
        name = min(small if small and len(names) > 9 else names, key=count_parameters)
        smallest[module, name] = name
    return smallest


def count_parameters(name: str) -> float:
    """Infinity where the model cannot be built without memory."""
    try:
        with torch.device('meta'):
            return sum(parameter.numel() for parameter in timm.create_model(name).parameters())
    except (NotImplementedError, RuntimeError):
        return float('inf')


def sweep(models: dict[Row, Any], attach: Callable[[Any], Row]) -> Iterator[Row]:
    """A row for each: its key, what ``attach`` tells of it or why it fails, and seconds of CPU.

    Each has a process of its own, which gives all memory back.
    """
    limit = partial(resource.setrlimit, resource.RLIMIT_AS, (MEMORY, MEMORY))
    with multiprocessing.get_context('fork').Pool(1, limit, maxtasksperchild=1) as pool:
        for key, row in zip(models, pool.imap(partial(try_one, attach), models.values()), strict=True):
            yield (*key, *row)


def try_one(attach: Callable[[Any], Row], model: Any) -> Row:
    """What ``attach`` tells and the seconds of CPU; or the reason in place of `ok`."""
    try:
        row = attach(model)
    except Exception as error:  # whatever a model does, the others go on
        row = (*('',) * len(FOUND), reason(error))
    return (*row, f'{time.process_time():.0f}')


def reason(error: Exception) -> str:
    """An error as a cell of a table."""
    kind = '' if isinstance(error, ValueError) else f'{type(error).__name__}: '
    return f'{kind}{" ".join(str(error).split())}'.replace('|', '\\|')[:400]


def attach(name: str) -> Row:
    """A model of timm: target and score layer, shape of the features, grid, `ok`; an error says what does not hold."""
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=4, **smaller_images(name))
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)  # a head that begins at zero has no maps
    found = find_layers(model)  # as GAIN(model) would find them again
    gain = GAIN(model, target_layer=found.target, score_layer=found.score)
    images = torch.randn(2, 3, *found.image_size)
    check(gain, images)
    result = check_upright(gain, images[:1])
    return *describe(gain, images), result


def smaller_images(name: str) -> dict[str, Any]:
    """Arguments for a model that is made for images above 512 px, but takes any: memory is short."""
    config = timm.get_pretrained_cfg(name)
    if config is None or config.input_size[-1] <= 512 or config.fixed_input_size:
        return {}
    size = config.min_input_size or (3, 128, 128)
    to_build = {} if config.pool_size else {'img_size': size[-1]}  # of no account for convolutions
    return {'pretrained_cfg_overlay': {'input_size': size}, **to_build}


def attach_segmentor(config: dict) -> Row:
    """The same for a model of mmseg, attached as by ``GAINHook``."""
    from mmseg_models import SIZE, build_segmentor

    from gain_plugin.mm.segmentors import segmentor_options

    torch.manual_seed(0)
    model = build_segmentor(config)
    gain = GAIN(model, **segmentor_options(model), score_kwargs={'mode': 'tensor'})
    images = torch.randn(2, 3, SIZE, SIZE)
    try:
        check(gain, images)
    except RuntimeError:  # LRASPP pools over windows of 49 x 49 cells
        images = torch.randn(2, 3, 8 * SIZE, 8 * SIZE)
        check(gain, images)
    return *describe(gain, images), 'ok'


def check(gain: GAIN, images: Tensor) -> None:
    """A training step with the guidance alone reaches the parameters."""
    _, losses = gain(images, shown(gain, images))
    losses['loss_am'].backward()
    gradients = [parameter.grad for parameter in gain.classifier.parameters() if parameter.grad is not None]
    if not any(gradient.any() for gradient in gradients):
        raise ValueError('loss_am has no gradient')
    if not all(gradient.isfinite().all() for gradient in gradients):
        raise ValueError('the gradient of loss_am is not finite')
    gain.eval()


def shown(gain: GAIN, images: Tensor) -> Tensor:
    """Labels (N, K) of those pairs whose maps are not flat: of random weights half the maps are zero."""
    labels = torch.ones(len(images), 4)
    maps = gain.attention(images, labels)
    labels = (maps.amax((1, 2)) > maps.amin((1, 2))).view(labels.shape)
    if not maps.isfinite().all() or not labels.any():
        raise ValueError('maps are flat or not finite')
    return labels


def check_upright(gain: GAIN, images: Tensor) -> str:
    """The corners of the grid depend on the corners of the image, in no other order more; `ok` and what is unsure.

    How much more one corner gives, or gets, than the others do cancels in a sum of logarithms, which is greater for a
    right order than for others by 1 to 20. Attention with random weights that no residual bypasses, as in LeViT, looks
    everywhere alike: then no order is better by 0.1.
    """
    images.requires_grad_()
    grid = to_grid(features_of(gain, images), (images.shape[-2], images.shape[-1]))
    mixed = grid * torch.randn_like(grid)  # a plain sum may not depend on anything
    gives = []
    for corner in CORNERS:
        (gradient,) = torch.autograd.grad(quadrant(mixed, *corner).sum(), images, retain_graph=True)
        gives.append([quadrant(gradient, *other).abs().mean().clamp(min=1e-30).log().item() for other in CORNERS])
    orders = list(permutations(range(len(CORNERS))))  # the first is upright
    fits = [sum(row[place] for row, place in zip(gives, order, strict=True)) for order in orders]
    better = max(fits[1:]) - fits[0]
    if better > 0.5:
        raise ValueError(f'maps are not upright: corners 0 to 3 depend on {orders[fits.index(max(fits[1:]))]}')
    return 'ok' if better < -0.5 else 'ok, but random weights do not tell whether maps are upright'


@torch.no_grad()
def describe(gain: GAIN, images: Tensor) -> Row:
    """Layers, shape of the features, and grid."""
    features = features_of(gain, images[:1])
    height, width = to_grid(features, (images.shape[-2], images.shape[-1])).shape[-2:]
    return f'`{gain.target_layer}`', f'`{gain.score_layer}`', str(tuple(features.shape)), f'{height} x {width}'


def features_of(gain: GAIN, images: Tensor) -> Tensor:
    """What the target layer gives."""
    with gain.record() as recorder:
        gain.classifier(images, **gain.score_kwargs)
    return recorder[gain.target_layer]


def quadrant(image: Tensor, row: int, column: int) -> Tensor:
    """A view of one quarter of an image or a grid; the middle row and column of an odd one belong to none."""
    height, width = (side // 2 for side in image.shape[-2:])
    rows = slice(-height, None) if row else slice(height)
    return image[..., rows, slice(-width, None) if column else slice(width)]


def write_section(kind: str, title: Row, rows: list[Row], keep: bool) -> None:
    """Write the section ``kind`` of the page; ``keep`` its rows of other models.

    Raises:
        ValueError: rows to keep that other versions gave.

    """

    def key(row: Row) -> Row:  # all of the title but the name of the model, which may be another now
        return row[:1] + row[2 : len(title)]

    sections = read_sections()
    found = {package.name: package.version for package in distributions()}
    versions = ', '.join(f'{name} {found[name]}' for name in PACKAGES[kind] if name in found)
    if keep and kind in sections:
        if f'({versions},' not in sections[kind]:
            raise ValueError(f'the rows of {REPORT} are not of {versions}: run without names')
        new = {key(row) for row in rows}
        old = [tuple(line[2:-2].split(' | ')) for line in sections[kind].splitlines() if line.startswith('| ')][2:]
        rows = sorted([*rows, *(row for row in old if key(row) not in new)])
    works = sum(row[-2].startswith('ok') for row in rows)
    minutes = sum(int(row[-1]) for row in rows) / 60
    lines = [(*title, *FOUND, '', 'CPU s'), ('---',) * len(rows[0]), *rows]
    sections[kind] = (
        f'{works} of {len(rows)} work, tried by `{COMMANDS[kind]}` ({versions}, Python {platform.python_version()}, '
        f'{torch.get_num_threads()} thread(s), {minutes:.0f} min of CPU).\n\n'
        + '\n'.join(f'| {" | ".join(line)} |' for line in lines)
    )
    REPORT.write_text(
        '# Supported models\n\nModels with random weights, tried by `tools/sweep.py`, which says what is checked. '
        '`not built`: a package, or an operator that mmcv has to be compiled with, is missing here; '
        'what follows is what mmseg says.\n'
        + ''.join(f'\n## {name}\n\n{sections[name]}\n' for name in sorted(sections, reverse=True))
    )


def read_sections() -> dict[str, str]:
    """Sections of the page as it is."""
    page = REPORT.read_text() if REPORT.exists() else ''
    return {name: text.strip() for name, text in re.findall(r'^## (.*?)\n(.*?)(?=^## |\Z)', page, re.M | re.S)}


def main() -> None:
    """Sweep all models of one kind, or some."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('parts', nargs='*', help='parts of the names of modules or folders; default: all')
    parser.add_argument('--mmseg', action='store_true', help='models of mmseg instead of timm')
    args = parser.parse_args()
    warnings.filterwarnings('ignore')
    if args.mmseg:
        from mmseg_models import smallest_segmentors

        rows = run(smallest_segmentors(args.parts), attach_segmentor)
        write_section('mmseg', ('folder', 'config', 'backbone', 'decode head'), rows, keep=bool(args.parts))
    else:
        rows = run(smallest_models(args.parts), attach)
        write_section('timm', ('module', 'smallest model'), rows, keep=bool(args.parts))


def run(models: dict[Row, Any], attach: Callable[[Any], Row]) -> list[Row]:
    """Rows, printed as they come."""
    rows = []
    for row in sweep(models, attach):
        rows.append(row)
        print(*row, sep=' | ', flush=True)
    return rows


if __name__ == '__main__':
    main()
