"""Time of a guided step over the least that the arithmetic allows.

In plain steps, for P pairs (image, class) in N images, the least is 1 + P/N with the scorer ``shared`` and 1 + 2/3 P/N
with ``detached`` and ``frozen``, which need no gradients of weights for the erased images; with one drawn class an
image P is N. Plain and guided steps are interleaved in one run, so that whatever else the machine does meets both
alike: medians of ratios, and their range.

    python tools/benchmark/step.py [--networks resnet50 vit_small] [--device cuda] [--profile] [--keep]
"""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from networks import NETWORKS, banner, labels_of
from ratios import cell, keep, row
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from gain_plugin import GAIN

SETTINGS = (  # scorer, one drawn class, P/N, and what an erased image costs at least
    *(('shared', False, share, 1) for share in (1, 1.5, 3)),
    *(('detached', False, share, 2 / 3) for share in (1, 1.5, 3)),
    ('frozen', True, 1.5, 2 / 3),
)


def seconds(function: Callable[[], object], device: str) -> float:
    """Time of a call, with the device's queue empty before and after; of a single thread what it had of the CPU."""
    clock = time.process_time if device == 'cpu' and torch.get_num_threads() == 1 else time.perf_counter
    if device == 'cuda':
        torch.cuda.synchronize()
    start = clock()
    function()
    if device == 'cuda':
        torch.cuda.synchronize()
    return clock() - start


def plain_step(model: nn.Module, images: Tensor, labels: Tensor, score: Callable[[object], Tensor]) -> None:
    """Forward, loss, backward."""
    F.multilabel_soft_margin_loss(score(model(images)), labels.to(images)).backward()


def guided_step(gain: GAIN, images: Tensor, labels: Tensor, score: Callable[[object], Tensor]) -> None:
    """The same with the guidance."""
    output, losses = gain(images, labels)
    (F.multilabel_soft_margin_loss(score(output), labels.to(images)) + sum(losses.values())).backward()


def profile(step: Callable[[], object]) -> str:
    """The operators that a step spends most of its time in."""
    with torch.profiler.profile() as profiler:
        step()
    return profiler.key_averages().table(sort_by='self_cpu_time_total', row_limit=8, max_name_column_width=40)


def rows(name: str, args: argparse.Namespace) -> Iterator[tuple[float, dict]]:
    """The least and the row of each setting of the network ``name``."""
    make, size, score = NETWORKS[name]
    for scorer, one_class, share, cost in SETTINGS:
        if scorer not in args.scorers:
            continue
        torch.manual_seed(0)
        classifier = make().to(args.device).train()
        images = torch.randn(args.batch_size, 3, size, size, device=args.device)
        labels = labels_of(args.batch_size, share)
        gain = GAIN(classifier, scorer=scorer, one_class=one_class, scores=score)
        least = 1 + cost * (1 if one_class else share)
        plain = partial(plain_step, classifier, images, labels, score)
        guided = partial(guided_step, gain, images, labels, score)
        ratios = []
        for repeat in range(args.repeats + 1):
            plain_seconds = seconds(plain, args.device)
            guided_seconds = seconds(guided, args.device)
            if repeat:  # the first warms up
                ratios.append(guided_seconds / plain_seconds)
        if args.profile:
            print(f'{name}, {scorer}, P/N {share}\n{profile(guided)}')
        over = [ratio / least for ratio in ratios]
        setting = f'{scorer}, one class' if one_class else f'{scorer}, {share:g}'
        yield least, row('step', name, setting, over, banner(args))


def main() -> None:
    """Print a table, a row a network and setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--networks', nargs='+', default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument('--scorers', nargs='+', default=['shared', 'detached', 'frozen'])
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--batch-size', type=int, default=4)
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--profile', action='store_true', help='print the operators that take most of each step')
    parser.add_argument('--keep', action='store_true', help='add the ratios to docs/benchmarks.json')
    args = parser.parse_args()
    table = Table('network', 'scorer, P/N', 'least, in plain steps', 'step over its least', caption=banner(args))
    measured = [one for name in args.networks for one in rows(name, args)]
    for least, one in measured:
        table.add_row(one['network'], one['setting'], f'{least:.2f}', cell(one))
    Console(width=120).print(table)
    if args.keep:
        keep([one for _, one in measured])


if __name__ == '__main__':
    main()
