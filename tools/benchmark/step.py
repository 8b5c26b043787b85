"""Time of a GAIN step over that of 1 + P/N plain steps, and of evaluation maps over a bare forward pass.

The steps are interleaved in one run, so that whatever else the machine does meets both alike; medians of ratios.

    python tools/benchmark/step.py [--device cuda] [--models resnet50 vgg16]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gain_plugin import GAIN


def seconds(function: Callable[[], object], device: str) -> float:
    """Wall time of a call, with the device's queue empty before and after."""
    if device == 'cuda':
        torch.cuda.synchronize()
    start = time.perf_counter()
    function()
    if device == 'cuda':
        torch.cuda.synchronize()
    return time.perf_counter() - start


def plain_step(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    """Forward, loss, backward."""
    F.multilabel_soft_margin_loss(model(images), labels).backward()


def guided_step(model: GAIN, images: Tensor, labels: Tensor) -> None:
    """The same with the guidance."""
    scores, losses = model(images, labels)
    (F.multilabel_soft_margin_loss(scores, labels) + sum(losses.values())).backward()


def main() -> None:
    """Print a line a model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--models', nargs='+', default=['resnet50', 'vgg16'])
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--batch-size', type=int, default=4)
    parser.add_argument('--size', type=int, default=160)
    parser.add_argument('--repeats', type=int, default=7)
    parser.add_argument('--scorer', default='shared')
    args = parser.parse_args()

    labels = torch.zeros(args.batch_size, 20)
    labels[:, 3] = 1
    labels[::2, 7] = 1  # one and a half labels an image
    share = 1 + float(labels.sum()) / args.batch_size
    print(f'torch {torch.__version__}, {args.device}, {torch.get_num_threads()} threads, scorer {args.scorer}')
    for name in args.models:
        classifier = timm.create_model(name, num_classes=20).to(args.device)
        model = GAIN(classifier, scorer=args.scorer)
        images = torch.randn(args.batch_size, 3, args.size, args.size, device=args.device)
        step_ratios, map_ratios = [], []
        for repeat in range(args.repeats + 1):
            classifier.train()
            plain = seconds(partial(plain_step, classifier, images, labels.to(images)), args.device)
            guided = seconds(partial(guided_step, model, images, labels.to(images)), args.device)
            classifier.eval()
            with torch.no_grad():
                forward = seconds(partial(classifier, images), args.device)
            maps = seconds(partial(model.attention, images, labels), args.device)
            if repeat:  # the first warms up
                step_ratios.append(guided / (share * plain))
                map_ratios.append(maps / forward)
        print(
            f'{name}: step {statistics.median(step_ratios):.2f} x (1 + P/N = {share}) plain steps '
            f'({min(step_ratios):.2f} to {max(step_ratios):.2f}); maps for evaluation '
            f'{statistics.median(map_ratios):.2f} x a bare forward ({min(map_ratios):.2f} to {max(map_ratios):.2f})'
        )


if __name__ == '__main__':
    main()
