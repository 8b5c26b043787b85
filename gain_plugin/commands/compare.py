"""``gain-plugin compare``."""

from collections.abc import Sequence
from pathlib import Path

import click

from gain_plugin.commands.verb import Verb

COLUMNS = {
    'seed_miou': 'seed mIoU',
    'threshold': 'at threshold',
    'precision': 'seed precision',
    'recall': 'seed recall',
    'map': 'classifier mAP',
}
EXAMPLE = 'compare configs/synthetic/plain.py configs/synthetic/gain.py --work-dir work_dirs/synthetic'


@click.command(cls=Verb, examples=[EXAMPLE])
@click.argument('configs', nargs=-1, required=True)
@click.option('--work-dir', required=True, type=click.Path(file_okay=False, path_type=Path), help='for everything')
@click.option('--pictures', default=6, show_default=True, type=click.IntRange(0), help='rows of attention.png')
@click.option('--cfg-options', multiple=True, metavar='KEY=VALUE...', help='settings for all configs')
@click.option('-q', '--quiet', is_flag=True, help='print nothing but warnings')
def compare(configs: tuple[str, ...], work_dir: Path, pictures: int, cfg_options: tuple[str, ...], quiet: bool) -> None:
    """Train CONFIGS that share their test data one after another, and compare their maps.

    A run that was interrupted goes on where it was; one that is finished is only evaluated again. The work directory
    gets a folder for each config, results.json and attention.png. A config is called by its file name.
    """
    run_comparison(configs, work_dir, pictures, cfg_options, quiet)


def run_comparison(
    configs: Sequence[str | Path], work_dir: Path, pictures: int, cfg_options: Sequence[str], quiet: bool
) -> None:
    """Compare, and print the table."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from gain_plugin.mm.comparison import compare as run
    from gain_plugin.mm.options import parse_options

    results = run(configs, work_dir, parse_options(cfg_options), pictures, quiet)
    if quiet:
        return
    table = Table('per cent', *COLUMNS.values(), 'minutes')
    for name, row in results.items():
        table.add_row(escape(name), *(f'{row[key]:.1f}' for key in COLUMNS), f'{row["minutes"]:.1f}')
    Console(width=100).print(table)
    print(f'figures: {work_dir / "results.json"}')
    if pictures:
        print(f'maps side by side: {work_dir / "attention.png"}')
