"""Measure rows of the evidence: configs of one data set, each from the same start, over several seeds.

    python tools/evidence.py configs/voc_animals/plain.py configs/voc_animals/gain.py --seeds 0 1 2

All rows of a seed go on from one plain run of the first ``start`` steps: the same weights, the same state of the
optimiser, the same batches. A row that ``docs/results.json`` has is skipped, one that was interrupted goes on. With
each data set come two rows without a network: ``blob``, a Gaussian in the middle of the image for all its labels, and
``grid``, the truth itself brought to the network's grid and back. ``--trial`` goes by the config's cheaper protocol of
that name, to try settings without a look at the test images; what follows it replaces settings. ``--results`` takes
another file of rows, to measure again what is there.

The tables of ``docs/results.json`` go into ``docs/evidence.md`` and the gain over the number of masks into
``docs/masks.png``; without configs nothing else is done. Those of another file are printed.
"""

import argparse
import fcntl
import json
import re
import shlex
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from operator import itemgetter
from pathlib import Path

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from mmengine.config import Config, DictAction
from mmengine.registry import DATASETS, init_default_scope
from mmengine.runner import Runner
from torch import Tensor

from gain_plugin.mm import GAINHook, Localization, SeedIoU
from gain_plugin.mm.runs import train, write_json

RESULTS = Path('docs/results.json')
REPORT = Path('docs/evidence.md')
COLUMNS = {
    'label_miou': 'labels, chosen threshold',
    'label_miou_otsu': 'Otsu',
    'label_miou_030': 'threshold 0.30',
    'label_miou_best': 'best threshold',
    'label_miou_each': 'best of each',
    'seed_miou': 'seed mIoU',
    'seed_miou_single': 'single scale',
    'pxap': 'PxAP',
    'max_box_acc_v2': 'MaxBoxAccV2',
    'precision': 'precision',
    'recall': 'recall',
    'map': 'mAP',
    'top1': 'accuracy',
}
MASKS = ('0', '63 (2 %)', '146 (5 %)', '437 (14 %)')
CURVES = {  # seed mIoU of voc_animals over MASKS
    'masks alone': ('plain', 'ext_2', 'ext_5', 'ext_all'),
    'masks and self-guidance': ('gain', 'gain_ext_2', 'gain_ext_5', 'gain_ext_all'),
}
BY_CLASS = 0  # the seed of the tables by class
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
        (folder / 'last_checkpoint').write_text(str(start))


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
    single = Runner.from_cfg(cfg).test()
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
    row = {'data': key[0], 'method': key[1], 'seed': key[2], **make()}
    with results.with_name(f'.{results.name}.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another evidence.py may have added rows, this one too
        rows = saved(results)
        if key not in map(ROW_KEY, rows):
            write_json(results, sorted([*rows, row], key=ROW_KEY))


def saved(results: Path) -> list[dict]:
    """The rows that are there."""
    return json.loads(results.read_text()) if results.exists() else []


def limit(path: Path, name: str) -> dict:
    """A row that needs no network: ``blob`` or ``grid``."""
    cfg = load(path, 0)
    init_default_scope(cfg.default_scope)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    seeds, localization = SeedIoU(), Localization()
    seeds.dataset_meta = localization.dataset_meta = dataset.metainfo
    begin = time.time()
    for packed in dataset:
        sample = packed['data_samples'].to_dict()
        truth = sample['gt_sem_seg']['data']  # (1, H, W)
        wanted = torch.tensor(sorted(sample['gt_label']))[:, None, None] + 1
        size = tuple(-(-side // cfg.stride) for side in packed['inputs'].shape[-2:])
        sample['attention_maps'] = blob(truth.shape, len(wanted)) if name == 'blob' else on_grid(truth == wanted, size)
        for metric in (seeds, localization):
            metric.process(None, [sample])
    tested = seeds.evaluate(len(dataset)) | localization.evaluate(len(dataset))
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


def table(rows: list[dict], columns: dict[str, str]) -> str:
    """Mean and, over several seeds, standard deviation of every method, the lowest first, in Markdown."""
    shown = {name: title for name, title in columns.items() if any(row.get(name) is not None for row in rows)}
    lines = [['method', 'seeds', *shown.values()], ['---'] * (2 + len(shown))]
    first = next(iter(shown))
    names = dict.fromkeys(row['method'] for row in rows)
    grouped = {name: [row for row in rows if row['method'] == name] for name in names}
    for method, own in sorted(grouped.items(), key=lambda item: statistics.mean(row[first] for row in item[1])):
        lines.append([f'`{method}`', str(len(own)), *(mean_and_spread(own, name) for name in shown)])
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def mean_and_spread(rows: list[dict], name: str) -> str:
    """One cell, empty unless every row has the figure."""
    values = [row[name] for row in rows if row.get(name) is not None]
    if len(values) < len(rows):
        return ''
    spread = f' ± {statistics.stdev(values):.1f}' if len(values) > 1 else ''
    return f'{statistics.mean(values):.1f}{spread}'


def tables(results: Path) -> Iterator[tuple[str, str]]:
    """Names and tables: all figures of each data set, and the IoU by class of one seed."""
    for data in dict.fromkeys(row['data'] for row in saved(results)):
        rows = [row for row in saved(results) if row['data'] == data]
        yield data, table(rows, COLUMNS)
        rows = [{'method': row['method'], **row['iou']} for row in rows if row['seed'] == BY_CLASS and row.get('iou')]
        classes = {name: name for row in rows for name in row if name != 'method'}
        if rows:
            yield f'{data}, classes', table(rows, classes)


def write_report(results: Path) -> None:
    """Put the tables between their marks in the report."""
    text = REPORT.read_text()
    for name, content in tables(results):
        if f'<!-- {name} -->' in text:
            text = put(text, name, content)
    REPORT.write_text(text)


def put(text: str, name: str, content: str) -> str:
    """The text with the content between the marks of that name."""
    begin, end = f'<!-- {name} -->', f'<!-- end of {name} -->'
    return re.sub(f'{begin}.*?{end}', lambda _: f'{begin}\n{content}\n{end}', text, flags=re.DOTALL)


def draw_curves(results: Path) -> None:
    """Means over the seeds that every method of the curves has."""
    rows = {ROW_KEY(row)[1:]: row['seed_miou'] for row in saved(results) if row['data'] == 'voc_animals'}
    wanted = [method for methods in CURVES.values() for method in methods]
    seeds = [seed for seed in range(3) if all((method, seed) in rows for method in wanted)]
    if not seeds:
        return
    figure, axis = plt.subplots(figsize=(5, 3.5))
    for name, methods in CURVES.items():
        means = [statistics.mean(rows[method, seed] for seed in seeds) for method in methods]
        axis.plot(MASKS, means, 'o-', label=name)
    axis.set(xlabel='masks, of 3,129 photos', ylabel='seed mIoU, per cent', title=f'seeds: {seeds}')
    axis.legend()
    figure.tight_layout()
    figure.savefig(REPORT.with_name('masks.png'), dpi=100)


def main() -> None:
    """Measure the rows of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='*', type=Path, help='config files; their names are the methods')
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
    for name, content in tables(args.results):
        print(f'{name}\n{content}')
    if args.results == RESULTS:
        write_report(RESULTS)
        draw_curves(RESULTS)


if __name__ == '__main__':
    main()
