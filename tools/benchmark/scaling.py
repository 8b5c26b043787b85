"""What the way from tags to labels costs on 1, 8 and 64 GPUs: from measured ratios and published throughputs.

    python tools/benchmark/scaling.py

No GPU is needed: this is arithmetic. ResNet-50 trains on crops of 320 px for 20 epochs, the last third guided with a
frozen scorer and one drawn class; maps are read at four scales of 448 px, mirrored, photo by photo.
"""

from typing import NamedTuple

from rich.console import Console
from rich.table import Table

EPOCHS = 20
GUIDED_SHARE = 1 / 3
GUIDED_STEP = 1 + 2 / 3  # plain steps, docs/performance.md
PIXELS = (320 / 224) ** 2  # of a training crop, in those of the published throughput
# NVIDIA/DeepLearningExamples, ResNet-50 v1.5 in PyTorch, training on A100 80GB in TF32: images a second by GPUs
TRAINING = {1: 938.0, 8: 7248.0, 64: 8 * 7248.0}  # 64: eight such machines, as if their network cost nothing
PASSES = sum(scale**2 for scale in (1.0, 0.5, 1.5, 2.0)) * 2 * (448 / 224) ** 2  # forward passes at 224 px a photo
CALL = 0.0104  # s, the same page: a forward pass of one image on V100, whatever its size
CALLS = 4  # a photo and its mirror image go together
ENTRY = 364e6 / 1e6  # bytes of a list, docs/own_data.md
OPENING = 41.7 / 1e6  # s an entry, the same


class Photos(NamedTuple):
    """A data set to train on."""

    name: str
    count: int
    kilobytes: float
    """Of a file, on average: archives of the data sets over their photos, of OpenImages 513 GB over 1,743,042."""


DATA = (Photos('VOC 2012 (SBD)', 10_582, 110), Photos('COCO 2014', 82_783, 160), Photos('OpenImages', 9_011_219, 300))


def hours(photos: Photos, gpus: int) -> tuple[float, float]:
    """Hours of training, and of reading maps."""
    step = 1 + GUIDED_SHARE * (GUIDED_STEP - 1)
    training = photos.count * EPOCHS * step * PIXELS / TRAINING[gpus]
    arithmetic = PASSES / (3 * TRAINING[1])  # a forward pass is a third of a step
    return training / 3600, photos.count * max(arithmetic, CALLS * CALL) / gpus / 3600


def main() -> None:
    """Print the table."""
    table = Table('data', 'GPUs', 'training, h', 'maps, h', 'GPU-hours', 'reads, MB/s', 'list, GB', 'opened in, s')
    for photos in DATA:
        for gpus in TRAINING:
            training, maps = hours(photos, gpus)
            read = photos.count * EPOCHS * photos.kilobytes / 1e3 / (training * 3600)
            listed = (f'{photos.count * ENTRY / 1e9:.2f}', f'{photos.count * OPENING:.0f}')
            total = f'{(training + maps) * gpus:.1f}'
            table.add_row(photos.name, str(gpus), f'{training:.2g}', f'{maps:.2g}', total, f'{read:.0f}', *listed)
    Console(width=110).print(table)


if __name__ == '__main__':
    main()
