"""CPU seconds of a training step as glibc is, and with freed memory kept, by turns.

Each is measured in a process of its own.

    python tools/benchmark/allocator.py [--rounds 2]
"""

import argparse
import logging
import multiprocessing
import time

import timm
import torch

from gain_plugin.mm.allocator import keep_freed_memory

STEPS = 5


def seconds(keep: bool) -> float:
    """CPU seconds of a step of EfficientNet-Lite0 with 16 images of 160 px, after two to warm up."""
    if keep and not keep_freed_memory(logging.getLogger()):
        raise SystemExit('there is a GPU, or no glibc')
    torch.set_num_threads(1)
    network = timm.create_model('tf_efficientnet_lite0', num_classes=6).train()
    images = torch.randn(16, 3, 160, 160)
    for step in range(2 + STEPS):
        if step == 2:
            begin = time.process_time()
        network(images).sum().backward()
    return (time.process_time() - begin) / STEPS


def main() -> None:
    """Print a line a round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=2)
    args = parser.parse_args()
    for _ in range(args.rounds):
        with multiprocessing.get_context('spawn').Pool(1, maxtasksperchild=1) as pool:
            plain, kept = (pool.apply(seconds, (keep,)) for keep in (False, True))
        print(f'{plain:.2f} s as it is, {kept:.2f} s with freed memory kept ({kept / plain:.2f})')


if __name__ == '__main__':
    main()
