"""Evaluate a checkpoint: ``python tools/test.py CONFIG CHECKPOINT``, in mmengine's usual form."""

import argparse
import os
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.registry import DATASETS
from mmengine.runner import Runner

from gain_plugin.mm.checkpoints import load_fitting


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--trust-checkpoint', action='store_true', help='read it even if that RUNS CODE that the file brings along'
    )
    parser.add_argument('--work-dir', help='where the log goes; ./work_dirs/<config> if not given')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='settings to override, as key=value')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none', help='job launcher')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help='set by the launcher')
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def main() -> None:
    """Build the runner of the config and test."""
    args = parse_args()
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    cfg.merge_from_dict(args.cfg_options or {})
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or str(Path('work_dirs', Path(args.config).stem))
    cfg.update(load_from=None, resume=False)
    runner = Runner.from_cfg(cfg)
    classes = DATASETS.build(cfg.test_dataloader.dataset).metainfo['classes']
    load_fitting(runner, args.checkpoint, classes, args.trust_checkpoint)
    runner.test()


if __name__ == '__main__':
    main()
