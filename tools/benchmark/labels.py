"""Time of making pseudo labels over that of the bare forward passes at all scales, mirrored too, on the same photos.

The two are interleaved in one run, so that whatever else the machine does meets both alike. What a run costs before its
first image (checks, network, worker processes) is told by a run with one image and taken off; the network has random
weights.

    python tools/benchmark/labels.py [--config configs/voc_animals/plain.py] [--images 60] [--workers 1]
"""

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner

from gain_plugin.mm import make_pseudo_labels


def seconds(function: Callable[[], object]) -> float:
    """Wall time of a call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


@torch.no_grad()
def bare_forwards(runner: Runner) -> None:
    """Scores of every photo at every scale and of its mirror image, with the decoding."""
    attention, model = runner.cfg.default_hooks.attention, runner.model.eval()
    for sample in runner.test_loop.dataloader.dataset:
        images = model.data_preprocessor(pseudo_collate([sample]))['inputs']
        for scale in attention.scales:
            scaled = F.interpolate(images, scale_factor=scale, mode='bilinear') if scale != 1 else images
            model(torch.cat([scaled, scaled.flip(-1)]) if attention.flip else scaled)


def main() -> None:
    """Print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--config', default='configs/voc_animals/plain.py')
    parser.add_argument('--images', type=int, default=60)
    parser.add_argument('--workers', type=int, default=1)
    parser.add_argument('--repeats', type=int, default=3)
    args = parser.parse_args()
    cfg = Config.fromfile(args.config)
    cfg.test_dataloader.dataset.update(indices=args.images, masks='none')
    cfg.log_level = 'ERROR'
    one = copy.deepcopy(cfg)
    one.test_dataloader.dataset.indices = 1
    with tempfile.TemporaryDirectory() as folder:
        cfg.work_dir = folder
        runner = Runner.from_cfg(copy.deepcopy(cfg))
        checkpoint = Path(folder, 'random.pth')
        torch.save({'state_dict': runner.model.state_dict()}, checkpoint)
        ratios = []
        for repeat in range(args.repeats + 1):
            out = Path(folder, str(repeat))
            make = partial(make_pseudo_labels, checkpoint=checkpoint, workers=args.workers)
            forwards = seconds(partial(bare_forwards, runner)) / args.images
            first = seconds(partial(make, one, out_dir=out.with_suffix('.one')))
            rest = (seconds(partial(make, cfg, out_dir=out)) - first) / (args.images - 1)
            if repeat:  # the first warms up
                ratios.append(rest / forwards)
    setting = f'{torch.get_num_threads()} threads, {args.workers} workers, {args.images} photos'
    print(
        f'\ntorch {torch.__version__}, {setting}: '
        f'{statistics.median(ratios):.2f} x the bare forward passes ({min(ratios):.2f} to {max(ratios):.2f})'
    )


if __name__ == '__main__':
    main()
