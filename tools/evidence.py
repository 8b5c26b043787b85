"""Measure rows of the evidence: configs of one data set, each from the same start, over several seeds.

    python tools/evidence.py configs/voc_animals/plain.py configs/voc_animals/gain.py --seeds 0 1 2

All rows of a seed go on from one plain run of the first ``start`` steps: the same weights, the same state of the
optimiser, the same batches. A row that ``docs/results.json`` has is skipped, one that was interrupted goes on. With
each data set come two rows without a network: ``blob``, a Gaussian in the middle of the image for all its labels, and
``grid``, the truth itself brought to the network's grid and back. ``--trial`` goes by the config's cheaper protocol of
that name, to try settings without a look at the test images; what follows it replaces settings. ``--results`` takes
another file of rows, to measure again what is there.

``tools/evidence_tables.py`` puts the rows into ``docs/evidence.md``.
"""

import argparse
import fcntl
import shlex
import time
from collections.abc import Callable
from functools import partial
from operator import itemgetter
from pathlib import Path

import torch
import torch.nn.functional as F
from mmengine.config import Config, DictAction
from mmengine.evaluator import Evaluator
from mmengine.registry import DATASETS, init_default_scope
from mmengine.runner import Runner
from torch import Tensor

from gain_plugin.files import write_atomically
from gain_plugin.mm import GAINHook, Localization, SeedIoU
from gain_plugin.mm.console import QuietRunner
from gain_plugin.mm.runs import read_json, train, write_json

RESULTS = Path('docs/results.json')
ROW_KEY = itemgetter('data', 'method', 'seed')


def load(path: Path, seed: int) -> Config:
    """The config with its seed."""
    cfg = Config.fromfile(path)
    cfg.randomness.seed = seed
    return cfg


def load_trial(path: Path, seed: int, options: dict) -> Config:
    """The config under the cheaper protocol of its ``trial``, with other settings."""
    cfg = load(path, seed)
    cfg.merge_from_dict({**cfg.trial, **options})
    return cfg


def start_checkpoint(folder: Path, seed: int, work_dir: Path) -> Path:
    """Checkpoint of the plain run's first ``start`` steps, trained if need be."""
    cfg = load(folder / 'plain.py', seed)
    cfg.train_cfg.max_iters = cfg.start
    train(cfg, work_dir)
    return Path((work_dir / 'last_checkpoint').read_text())


def continue_from_start(path: Path, seed: int, folder: Path) -> None:
    """Make the row's first training in ``folder`` go on from the start it shares with the others."""
    start = start_checkpoint(path.parent, seed, folder.parent / f'start_{seed}')
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / 'last_checkpoint').exists():
        write_atomically(folder / 'last_checkpoint', lambda file: file.write(str(start).encode()))


def measure(path: Path, seed: int, folder: Path) -> dict:
    """Train and test one row."""
    continue_from_start(path, seed, folder)
    cfg = load(path, seed)
    begin = time.time()
    runner = train(cfg, folder)
    minutes = (time.time() - begin) / 60  # of this call: less than the row's where an interrupted one went on
    multi = runner.test()
    cfg = load(path, seed)
    cfg.default_hooks.attention.update(scales=(1.0,), flip=False)
    cfg.update(work_dir=str(folder), load_from=(folder / 'last_checkpoint').read_text())
    single = QuietRunner.from_cfg(cfg).test()
    guided, passes = cfg.train_cfg.max_iters - cfg.start, passes_per_step(runner)
    return {
        **figures(multi),
        'seed_miou_single': single['seed_mIoU'],
        'pxap': single['PxAP'],
        'pxap_multi': multi['PxAP'],
        'steps': guided,
        'passes': None if passes is None else guided * passes,
        'minutes': minutes,
        'threads': torch.get_num_threads(),
        'command': shlex.join(['python', 'tools/evidence.py', str(path), '--seeds', str(seed)]),
    }


def measure_trial(path: Path, seed: int, folder: Path, options: dict) -> dict:
    """Train and test one row of the cheaper protocol."""
    continue_from_start(path, seed, folder)
    tested = train(load_trial(path, seed, options), folder).test()
    words = [f'{name}={value}' for name, value in options.items()]
    command = ['python', 'tools/evidence.py', str(path), '--seeds', str(seed), '--trial', *words]
    return {**figures(tested), 'seed_miou_single': tested['seed_mIoU'], 'command': shlex.join(command)}


def figures(tested: dict[str, float]) -> dict[str, float]:
    """What a test gives, under the names of the rows."""
    return {
        'seed_miou': tested['seed_mIoU'],
        'pxap': tested['PxAP'],
        'max_box_acc_v2': tested['MaxBoxAccV2'],
        'threshold': 100 * tested['seed_threshold'],
        'precision': tested['seed_precision'],
        'recall': tested['seed_recall'],
        'map': tested.get('mAP'),
        'top1': tested.get('top1'),
        'iou': {
            name.removeprefix('seed_IoU_'): value for name, value in tested.items() if name.startswith('seed_IoU_')
        },
    }


def passes_per_step(runner: Runner) -> float | None:
    """How often an image went through a network in a guided step, on average; None if this process guided none."""
    hook = next((hook for hook in runner.hooks if isinstance(hook, GAINHook)), None)
    return 1.0 if hook is None else hook.passes


def add(results: Path, key: tuple[str, str, int], make: Callable[[], dict]) -> None:
    """Make the row of that data, method and seed unless it is there."""
    if key in map(ROW_KEY, saved(results)):
        return
    results.parent.mkdir(parents=True, exist_ok=True)
    row = {'data': key[0], 'method': key[1], 'seed': key[2], **make()}
    with results.with_name(f'.{results.name}.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another evidence.py may have added rows, this one too
        rows = saved(results)
        if key not in map(ROW_KEY, rows):
            write_json(results, sorted([*rows, row], key=ROW_KEY))


def saved(results: Path) -> list[dict]:
    """The rows that are there."""
    return read_json(results) if results.exists() else []


def limit(path: Path, name: str) -> dict:
    """A row that needs no network: ``blob`` or ``grid``."""
    cfg = load(path, 0)
    init_default_scope(cfg.default_scope)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    evaluator = Evaluator([SeedIoU(), Localization()])
    evaluator.dataset_meta = dataset.metainfo
    begin = time.time()
    for packed in dataset:
        sample = packed['data_samples'].to_dict()
        truth = sample['gt_sem_seg']['data']  # (1, H, W)
        wanted = torch.tensor(sorted(sample['gt_label']))[:, None, None] + 1
        size = tuple(-(-side // cfg.stride) for side in packed['inputs'].shape[-2:])
        sample['attention_maps'] = blob(truth.shape, len(wanted)) if name == 'blob' else on_grid(truth == wanted, size)
        evaluator.process([sample])
    tested = evaluator.evaluate(len(dataset))
    return {
        **figures(tested),
        'seed_miou_single': tested['seed_mIoU'],
        'steps': 0,
        'passes': 0,
        'minutes': (time.time() - begin) / 60,
        'command': f'python tools/evidence.py {path}',
    }


def blob(size: tuple[int, ...], count: int) -> Tensor:
    """(count, H, W) the same Gaussian for every label; the seeds are then of the first."""
    y, x = (torch.linspace(-2, 2, side) for side in size[-2:])
    return torch.exp(-(y[:, None] ** 2 + x**2) / 2).expand(count, -1, -1)


def on_grid(truth: Tensor, size: tuple[int, ...]) -> Tensor:
    """(n, H, W) masks, averaged over the cells of the grid, scaled to 1 as maps are, and brought back."""
    cells = F.adaptive_avg_pool2d(truth.float(), size)
    cells = cells / cells.amax((-2, -1), keepdim=True).clamp_min(1e-5)
    return F.interpolate(cells[:, None], truth.shape[-2:], mode='bilinear')[:, 0]


def main() -> None:
    """Measure the rows of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='+', type=Path, help='config files; their names are the methods')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument(
        '--trial', nargs='*', action=DictAction, help='few steps, tested on other photos: settings to be tried'
    )
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/evidence'))
    parser.add_argument('--results', type=Path, default=RESULTS, help='file of the rows')
    args = parser.parse_args()
    for seed in args.seeds:
        for path in args.configs:
            for name in ('blob', 'grid'):
                add(args.results, (path.parent.name, name, 0), partial(limit, path, name))
            data, folder = path.parent.name, args.work_dir / path.parent.name
            if args.trial is None:
                add(args.results, (data, path.stem, seed), partial(measure, path, seed, folder / f'{path.stem}_{seed}'))
                continue
            method = ' '.join([path.stem, *(f'{name}={value}' for name, value in args.trial.items())])
            make = partial(measure_trial, path, seed, folder / f'trial {method} {seed}', args.trial)
            add(args.results, (f'{data}_trials', method, seed), make)
        print(f'{args.results} has the rows of seed {seed}')


if __name__ == '__main__':
    main()
