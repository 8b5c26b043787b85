"""Draw where the maps of one method are worse than another's, where they are alike and where they are better.

    python tools/pictures.py configs/voc_animals/plain.py configs/voc_animals/gain.py

For every test image the seeds of its first label, at the method's best threshold, are compared with the truth. The
pictures are those of the two lowest, the two middle and the two highest differences in IoU. The methods must have been
trained by ``tools/evidence.py`` with the same seed.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from mmengine.config import Config

from gain_plugin.mm.comparison import KeepFirst, Picture, draw
from gain_plugin.mm.console import QuietRunner


def pictures(path: Path, seed: int, work_dir: Path) -> tuple[list[Picture], list[float]]:
    """Every test image with its map, and the IoU of its seeds."""
    cfg = Config.fromfile(path)
    cfg.randomness.seed = seed
    folder = work_dir / path.parent.name / f'{path.stem}_{seed}'
    cfg.update(work_dir=str(folder), load_from=(folder / 'last_checkpoint').read_text())
    runner = QuietRunner.from_cfg(cfg)
    keep = KeepFirst(len(runner.test_loop.dataloader.dataset))
    runner.register_hook(keep)
    threshold = runner.test()['seed_threshold']
    return keep.kept, [iou(picture.attention > threshold, picture.truth) for picture in keep.kept]


def iou(seeds: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two boolean masks (H, W); 0 where both are empty."""
    return float((seeds & truth).sum() / max(1, (seeds | truth).sum()))


def main() -> None:
    """Draw the pictures of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs=2, type=Path, help='the method to compare with, and the method')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/evidence'))
    args = parser.parse_args()
    matplotlib.use('Agg')
    measured = {path.stem: pictures(path, args.seed, args.work_dir) for path in args.configs}
    (_, first), (_, second) = measured.values()
    gains = np.array(second) - np.array(first)
    order, middle = gains.argsort(), len(gains) // 2
    chosen = [*order[:2], *order[middle - 1 : middle + 1], *order[-2:]]
    target = args.work_dir / args.configs[0].parent.name / f'{"_".join(measured)}.png'
    draw({name: [kept[index] for index in chosen] for name, (kept, _) in measured.items()}, target)
    worse, better = (gains < -0.05).mean(), (gains > 0.05).mean()
    print(f'IoU of the first label rose by more than 5 points on {better:.0%} of the images, fell on {worse:.0%}')
    print(f'{", ".join(f"{100 * gains[index]:+.0f}" for index in chosen)} points in {target}')


if __name__ == '__main__':
    main()
