"""``gain-plugin test``."""

import os

import click

from gain_plugin.commands.launch import launch_options
from gain_plugin.commands.verb import Verb


@click.command(cls=Verb, examples=['test configs/synthetic/gain.py work_dirs/gain/iter_600.pth'])
@click.argument('config')
@click.argument('checkpoint')
@click.option('--work-dir', help='where the log goes; ./work_dirs/<config> if not given')
@launch_options
def test(
    config: str,
    checkpoint: str,
    trust_checkpoint: bool,
    work_dir: str | None,
    cfg_options: tuple[str, ...],
    launcher: str,
    local_rank: int,
    quiet: bool,
) -> None:
    """Evaluate CHECKPOINT on the test data of CONFIG."""
    os.environ.setdefault('LOCAL_RANK', str(local_rank))
    from gain_plugin.mm.options import load_config
    from gain_plugin.mm.single_run import test_config

    cfg = load_config(config, cfg_options, work_dir)
    cfg.launcher = launcher
    test_config(cfg, checkpoint, trust_checkpoint, quiet)
