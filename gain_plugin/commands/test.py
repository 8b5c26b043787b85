"""``gain-plugin test``."""

import os

import click

from gain_plugin.commands.verb import Verb


@click.command(cls=Verb, examples=['test configs/synthetic/gain.py work_dirs/gain/iter_600.pth'])
@click.argument('config')
@click.argument('checkpoint')
@click.option('--trust-checkpoint', is_flag=True, help='read it even if that RUNS CODE that the file brings along')
@click.option('--work-dir', help='where the log goes; ./work_dirs/<config> if not given')
@click.option('--cfg-options', multiple=True, metavar='KEY=VALUE...', help='settings to override')
@click.option('--launcher', type=click.Choice(['none', 'pytorch', 'slurm', 'mpi']), default='none', help='of jobs')
@click.option('--local_rank', '--local-rank', type=int, default=0, help='set by the launcher')
@click.option('-q', '--quiet', is_flag=True, help='print nothing but warnings')
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
