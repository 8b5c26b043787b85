"""Region maps to measure ``--regions`` with: superpixels, and bounds that are made from the true masks.

    python tools/benchmark/regions.py superpixels regions --list ImageSets/Segmentation/train.txt

``parts`` are the true objects cut into superpixels, ``objects`` the true objects whole, before a background of
superpixels, and ``masks`` has a background that is whole, too. Of VOC with the six classes of ``configs/voc_animals``.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import label
from skimage.segmentation import felzenszwalb

from gain_plugin.images import read_image
from gain_plugin.masks import UNKNOWN, VOC_CLASSES

ANIMALS = [VOC_CLASSES.index(name) + 1 for name in 'person cat cow dog horse sheep'.split()]
KINDS = ('superpixels', 'parts', 'objects', 'masks')


def regions_of(kind: str, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Regions (H, W) from 1 on of an image (H, W, 3) and its mask (H, W)."""
    superpixels = felzenszwalb(image, scale=100, sigma=0.8, min_size=50)
    known = np.where(np.isin(mask, [*ANIMALS, UNKNOWN]), mask, 0)
    objects = connected(known)
    parts = objects * (superpixels.max() + 1) + superpixels
    regions = {
        'superpixels': superpixels,
        'parts': parts,
        'objects': np.where(known == 0, parts, -objects),
        'masks': objects,
    }[kind]
    return np.unique(regions, return_inverse=True)[1].reshape(mask.shape) + 1


def connected(mask: np.ndarray) -> np.ndarray:
    """Numbers from 1 on of the connected pieces of each value."""
    pieces, count = np.zeros(mask.shape, np.int64), 0
    for value in np.unique(mask):
        own, more = label(mask == value)
        pieces[own > 0] = own[own > 0] + count
        count += more
    return pieces


def main() -> None:
    """Write the region maps of the photos of a list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('kind', choices=KINDS)
    parser.add_argument('out', type=Path, help='folder of the PNGs')
    parser.add_argument('--list', default='ImageSets/Segmentation/train.txt', help='ids, in the folder of VOC')
    args = parser.parse_args()
    root = Path(os.environ.get('VOC_ANIMALS', '../shared/voc_animals'), 'VOCdevkit/VOC2012')
    args.out.mkdir(parents=True, exist_ok=True)
    for name in (root / args.list).read_text().split():
        mask = np.asarray(Image.open(root / f'SegmentationClassAug/{name}.png'))
        regions = regions_of(args.kind, read_image(root / f'JPEGImages/{name}.jpg'), mask)
        Image.fromarray(regions.astype(np.uint16)).save(args.out / f'{name}.png')


if __name__ == '__main__':
    main()
