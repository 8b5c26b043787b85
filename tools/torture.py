"""Kill training with SIGKILL, again and again, and compare its end with that of an undisturbed run, bit for bit.

    python tools/torture.py configs/synthetic/gain.py --kills 10 --work-dir work_dirs/torture

The moments are drawn from a seed, between the first sign of training and the time that the undisturbed run took.
``--cfg-options`` makes the run short. The exit status is 1 if weights differ or a run could not go on by itself.
"""

import argparse
import random
import subprocess
import sys
import time
from pathlib import Path

import torch


def start(args: argparse.Namespace, folder: Path) -> subprocess.Popen:
    """Begin or go on."""
    command = [sys.executable, 'tools/train.py', args.config, '--work-dir', str(folder), '--resume']
    options = ['--cfg-options', *args.cfg_options] if args.cfg_options else []
    with (folder.parent / f'{folder.name}.log').open('a') as log:
        return subprocess.Popen([*command, *options], stdout=log, stderr=log)


def finish(args: argparse.Namespace, folder: Path) -> Path:
    """Run to the end; the last checkpoint."""
    if start(args, folder).wait():
        raise SystemExit(f'training could not go on: see {folder}.log')
    return Path((folder / 'last_checkpoint').read_text())


def same_weights(first: Path, second: Path) -> bool:
    """Whether two checkpoints have equal weights."""
    one, two = (torch.load(path, weights_only=False)['state_dict'] for path in (first, second))  # this tool's own
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def main() -> int:
    """Torture the config of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file')
    parser.add_argument('--kills', type=int, default=10)
    parser.add_argument('--seed', type=int, default=0, help='of the moments')
    parser.add_argument('--work-dir', type=Path, required=True, help='a new folder')
    parser.add_argument('--cfg-options', nargs='+', help='settings to override, as key=value')
    args = parser.parse_args()
    args.work_dir.mkdir(parents=True)
    begin = time.time()
    calm = finish(args, args.work_dir / 'calm')
    took = time.time() - begin
    moments = random.Random(args.seed)
    killed = 0
    for _ in range(args.kills):
        run = start(args, args.work_dir / 'killed')
        try:
            run.wait(moments.uniform(0.3, 1.0) * took)
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
            killed += 1
    same = same_weights(calm, finish(args, args.work_dir / 'killed'))
    print(f'{killed} kills in {args.kills} runs of {took:.0f} s: the weights are {"the same" if same else "DIFFERENT"}')
    return int(not same)


if __name__ == '__main__':
    raise SystemExit(main())
