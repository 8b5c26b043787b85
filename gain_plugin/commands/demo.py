"""``gain-plugin demo``."""

from pathlib import Path

import click

from gain_plugin.commands.compare import run_comparison
from gain_plugin.commands.verb import Verb
from gain_plugin.own_configs import own_configs


@click.command(cls=Verb, examples=['demo', 'demo --work-dir work_dirs/short --cfg-options train_cfg.max_iters=300'])
@click.option(
    '--work-dir',
    default='work_dirs/synthetic',
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help='for everything',
)
@click.option('--cfg-options', multiple=True, metavar='KEY=VALUE...', help='settings for both trainings')
@click.option('-q', '--quiet', is_flag=True, help='print nothing but warnings')
def demo(work_dir: Path, cfg_options: tuple[str, ...], quiet: bool) -> None:
    """Train a plain and a guided classifier on the embedded data set, and compare their maps.

    Five minutes on one core. Typed again, what was interrupted goes on.
    """
    folder = own_configs() / 'synthetic'
    run_comparison([folder / 'plain.py', folder / 'gain.py'], work_dir, 6, cfg_options, quiet)
