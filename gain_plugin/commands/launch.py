"""Options that the verbs which run a config share."""

from collections.abc import Callable
from typing import Any

import click

OPTIONS = (
    click.option('--trust-checkpoint', is_flag=True, help='read it even if that RUNS CODE that the file brings along'),
    click.option('--cfg-options', multiple=True, metavar='KEY=VALUE...', help='settings to override'),
    click.option('--launcher', type=click.Choice(['none', 'pytorch', 'slurm', 'mpi']), default='none', help='of jobs'),
    click.option('--local_rank', '--local-rank', type=int, default=0, help='set by the launcher'),
    click.option('-q', '--quiet', is_flag=True, help='print nothing but warnings'),
)


def launch_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function the arguments of ``OPTIONS``."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command
