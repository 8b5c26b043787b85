"""Ways to pool a segmentor's logits into one score a class: what a segmentor trained on tags alone learns by each.

    python tools/benchmark/pooling.py [configs/synthetic_mmseg/fcn_r18.py] [--cfg-options train_cfg.max_iters=300]

Prints the classifier's mAP and the seeds' mIoU in per cent; ``softmax`` is ``gain_plugin.pooling.pool_logits``.
"""

import argparse
import math
from pathlib import Path
from unittest.mock import patch

from mmengine.config import Config, DictAction

import gain_plugin.mm.metrics
import gain_plugin.mm.tags
import gain_plugin.model
from gain_plugin.mm.runs import train
from gain_plugin.pooling import pool_logits

POOLINGS = {
    'mean': lambda logits: logits.mean((-2, -1)),
    'max': lambda logits: logits.amax((-2, -1)),
    'log-mean-exp': lambda logits: logits.flatten(2).logsumexp(-1) - math.log(logits[0, 0].numel()),
    'softmax': pool_logits,
}


def measure(cfg: Config, name: str, work_dir: Path) -> dict[str, float]:
    """Train and test with one of the poolings."""
    with (
        patch.object(gain_plugin.mm.metrics, 'pool_logits', POOLINGS[name]),
        patch.object(gain_plugin.mm.tags, 'pool_logits', POOLINGS[name]),
        patch.object(gain_plugin.model, 'pool_logits', POOLINGS[name]),
    ):
        return train(cfg, work_dir / name).test()


def main() -> None:
    """Print a line a pooling."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', nargs='?', default='configs/synthetic_mmseg/fcn_r18.py')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/pooling'))
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    args = parser.parse_args()
    lines = []
    for name in POOLINGS:
        cfg = Config.fromfile(args.config)
        cfg.merge_from_dict(args.cfg_options)
        cfg.randomness.seed = args.seed
        tested = measure(cfg, name, args.work_dir / str(args.seed))
        lines.append(f'{name:12} mAP {tested["mAP"]:5.1f}  seed mIoU {tested["seed_mIoU"]:5.1f}')
    print('\n'.join(lines))


if __name__ == '__main__':
    main()
