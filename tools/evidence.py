"""Measure rows of the evidence: configs of one data set, each from the same start, over several seeds.

    python tools/evidence.py configs/voc_animals/plain.py configs/voc_animals/gain.py --seeds 0 1 2

All rows of a seed go on from one plain run of the first ``start`` steps: the same weights, the same state of the
optimiser, the same batches. A row that ``docs/results.json`` has is skipped, one that was interrupted goes on. Without
configs the table of what is there is printed.
"""

import argparse
import json
import shlex
import statistics
import time
from pathlib import Path

import torch
from compare import train
from mmengine.config import Config
from mmengine.runner import Runner
from rich.console import Console
from rich.table import Table

RESULTS = Path('docs/results.json')
SHOWN = ('seed_miou', 'seed_miou_single', 'pxap', 'precision', 'recall', 'map')


def load(path: Path, seed: int) -> Config:
    """The config with its seed."""
    cfg = Config.fromfile(path)
    cfg.randomness.seed = seed
    return cfg


def start_checkpoint(folder: Path, seed: int, work_dir: Path) -> Path:
    """Checkpoint of the plain run's first ``start`` steps, trained if need be."""
    cfg = load(folder / 'plain.py', seed)
    cfg.train_cfg.max_iters = cfg.start
    train(cfg, work_dir)
    return Path((work_dir / 'last_checkpoint').read_text())


def measure(path: Path, seed: int, work_dir: Path) -> dict:
    """Train and test one row."""
    start = start_checkpoint(path.parent, seed, work_dir / f'start_{seed}')
    folder = work_dir / f'{path.stem}_{seed}'
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / 'last_checkpoint').exists():
        (folder / 'last_checkpoint').write_text(str(start))
    cfg = load(path, seed)
    begin = time.time()
    runner = train(cfg, folder)
    minutes = (time.time() - begin) / 60  # of this call: less than the row's where an interrupted one went on
    multi = runner.test()
    cfg = load(path, seed)
    cfg.default_hooks.attention.update(scales=(1.0,), flip=False)
    cfg.update(work_dir=str(folder), load_from=(folder / 'last_checkpoint').read_text())
    single = Runner.from_cfg(cfg).test()
    guided = cfg.train_cfg.max_iters - cfg.start
    return {
        'data': path.parent.name,
        'method': path.stem,
        'seed': seed,
        'seed_miou': multi['seed_mIoU'],
        'seed_miou_single': single['seed_mIoU'],
        'pxap': single['PxAP'],
        'pxap_multi': multi['PxAP'],
        'max_box_acc_v2': multi['MaxBoxAccV2'],
        'threshold': 100 * multi['seed_threshold'],
        'precision': multi['seed_precision'],
        'recall': multi['seed_recall'],
        'map': multi['mAP'],
        'top1': multi['top1'],
        'steps': guided,
        'passes': guided * passes_per_step(cfg, runner),
        'minutes': minutes,
        'threads': torch.get_num_threads(),
        'command': shlex.join(['python', 'tools/evidence.py', str(path), '--seeds', str(seed)]),
    }


def passes_per_step(cfg: Config, runner: Runner) -> float:
    """How often an image goes through a network in a step, on average: itself, and once for each class erased."""
    hooks = cfg.get('custom_hooks', [])
    if not hooks or hooks[0].get('loss', {}).get('alpha') == 0:
        return 1
    if hooks[0].gain.get('one_class'):
        return 2
    data = runner.train_dataloader.dataset
    return 1 + statistics.mean(len(data.get_data_info(index)['gt_label']) for index in range(len(data)))


def key(row: dict) -> tuple:
    """What makes a row unique."""
    return row['data'], row['method'], row['seed']


def saved() -> list[dict]:
    """The rows that are there."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else []


def print_table(rows: list[dict]) -> None:
    """Mean and, over several seeds, standard deviation of every method."""
    table = Table('data', 'method', 'seeds', *SHOWN)
    for data, method in dict.fromkeys((row['data'], row['method']) for row in rows):
        own = [row for row in rows if (row['data'], row['method']) == (data, method)]
        cells = []
        for name in SHOWN:
            values = [row[name] for row in own]
            spread = f' ± {statistics.stdev(values):.1f}' if len(values) > 1 else ''
            cells.append(f'{statistics.mean(values):.1f}{spread}')
        table.add_row(data, method, str(len(own)), *cells)
    Console(width=120).print(table)


def main() -> None:
    """Measure the rows of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='*', type=Path, help='config files; their names are the methods')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/evidence'))
    args = parser.parse_args()
    for seed in args.seeds:
        for path in args.configs:
            if (path.parent.name, path.stem, seed) in map(key, saved()):
                continue
            row = measure(path, seed, args.work_dir / path.parent.name)
            rows = sorted([*saved(), row], key=key)
            RESULTS.write_text(json.dumps(rows, indent=1) + '\n')
    print_table(saved())


if __name__ == '__main__':
    main()
