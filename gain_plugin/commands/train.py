"""``gain-plugin train``."""

import os

import click

from gain_plugin.commands.launch import launch_options
from gain_plugin.commands.verb import Verb


@click.command(cls=Verb, examples=['train configs/synthetic/gain.py --work-dir work_dirs/gain'])
@click.argument('config')
@click.option('--work-dir', help='where logs and checkpoints go; ./work_dirs/<config> if not given')
@click.option('--resume', is_flag=True, help='go on from the latest checkpoint in the work dir')
@click.option('--amp', is_flag=True, help='train with automatic mixed precision')
@launch_options
def train(
    config: str,
    work_dir: str | None,
    resume: bool,
    trust_checkpoint: bool,
    amp: bool,
    cfg_options: tuple[str, ...],
    launcher: str,
    local_rank: int,
    quiet: bool,
) -> None:
    """Train CONFIG, a config of mmengine, with its classifier or segmentor plain or guided."""
    os.environ.setdefault('LOCAL_RANK', str(local_rank))
    from gain_plugin.mm.options import load_config
    from gain_plugin.mm.single_run import train_config

    cfg = load_config(config, cfg_options, work_dir)
    cfg.launcher = launcher
    if amp:
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
    train_config(cfg, resume, quiet, trust_checkpoint)
