"""Peak memory that a guided step adds to the process, for 1 and 10 labels an image, in one piece and in chunks.

    python tools/benchmark/memory.py [--network efficientnet_lite0] [--batch-size 4] [--chunk-size 4]

Each is measured on the CPU in a process of its own.
"""

import argparse
import multiprocessing
import resource

import torch
import torch.nn.functional as F
from networks import NETWORKS, labels_of

from gain_plugin import GAIN


def mebibytes(network: str, images: int, share: int, chunk_size: int | None) -> float:
    """What the second of two steps with the scorer ``frozen`` has added to the largest size of this process."""
    torch.set_num_threads(1)
    make, size, score = NETWORKS[network]
    gain = GAIN(make().train(), scorer='frozen', scores=score, chunk_size=chunk_size)
    batch, labels = torch.randn(images, 3, size, size), labels_of(images, share)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(2):
        output, losses = gain(batch, labels)
        (F.multilabel_soft_margin_loss(score(output), labels) + sum(losses.values())).backward()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024  # Linux counts in KiB


def main() -> None:
    """Print a line a setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--network', default='efficientnet_lite0', choices=list(NETWORKS))
    parser.add_argument('--batch-size', type=int, default=4)
    parser.add_argument('--chunk-size', type=int, default=4)
    args = parser.parse_args()
    for chunk_size in (None, args.chunk_size):
        for share in (1, 10):
            with multiprocessing.get_context('spawn').Pool(1, maxtasksperchild=1) as pool:
                peak = pool.apply(mebibytes, (args.network, args.batch_size, share, chunk_size))
            print(f'{args.network}, N = {args.batch_size}, P = {share} N, chunk_size={chunk_size}: {peak:.0f} MiB')


if __name__ == '__main__':
    main()
