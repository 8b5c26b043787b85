"""Train a config: ``python tools/train.py CONFIG``, in mmengine's usual form."""

import argparse
import os
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.runner import Runner

from gain_plugin.mm.checkpoints import newest_whole


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='where logs and checkpoints go; ./work_dirs/<config> if not given')
    parser.add_argument('--resume', action='store_true', help='go on from the latest checkpoint in the work dir')
    parser.add_argument('--amp', action='store_true', help='train with automatic mixed precision')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='settings to override, as key=value')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none', help='job launcher')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help='set by the launcher')
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def main() -> None:
    """Build the runner of the config and train."""
    args = parse_args()
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    cfg.merge_from_dict(args.cfg_options or {})
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or str(Path('work_dirs', Path(args.config).stem))
    found = newest_whole(cfg.work_dir) if args.resume and not cfg.get('load_from') else None
    cfg.update(resume=args.resume, load_from=str(found) if found else cfg.get('load_from'))
    if args.amp:
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
    Runner.from_cfg(cfg).train()


if __name__ == '__main__':
    main()
