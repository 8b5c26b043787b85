"""Train configs one after another and compare them: classification, seeds, and pictures of the maps.

    python tools/compare.py configs/synthetic/plain.py configs/synthetic/gain.py --work-dir work_dirs/synthetic

A run that was interrupted goes on where it was; one that is finished is only evaluated again. The work directory gets a
folder for each config, ``results.json`` and ``attention.png``. A config is called by its file name.
"""

import argparse
from pathlib import Path

import matplotlib
from mmengine.config import DictAction
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gain_plugin.mm.comparison import draw, measure
from gain_plugin.mm.runs import write_json

COLUMNS = {
    'seed_miou': 'seed mIoU',
    'threshold': 'at threshold',
    'precision': 'seed precision',
    'recall': 'seed recall',
    'map': 'classifier mAP',
}


def main() -> None:
    """Compare the configs of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='+', help='config files that share their test data')
    parser.add_argument('--work-dir', type=Path, required=True, help='where everything goes')
    parser.add_argument('--pictures', type=int, default=6, help='rows of attention.png')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={}, help='settings for all configs')
    args = parser.parse_args()

    matplotlib.use('Agg')
    if len({Path(path).stem for path in args.configs}) < len(args.configs):
        raise SystemExit('the names of the configs must differ: each is the name of a row and a folder')
    results, kept = {}, {}
    for path in args.configs:
        name = Path(path).stem
        results[name], kept[name] = measure(path, args.work_dir / name, args.cfg_options, args.pictures)
    write_json(args.work_dir / 'results.json', results)
    draw(kept, args.work_dir / 'attention.png')

    table = Table('', *COLUMNS.values(), 'minutes')
    for name, row in results.items():
        table.add_row(escape(name), *(f'{row[key]:.1f}' for key in COLUMNS), f'{row["minutes"]:.1f}')
    Console(width=100).print(table)
    print(f'per cent; {args.work_dir}/results.json and attention.png have the rest')


if __name__ == '__main__':
    main()
