"""Options that the verbs which run a config share."""

from collections.abc import Callable, Sequence
from typing import Any

import click

RANKS = (
    click.option('--launcher', type=click.Choice(['none', 'pytorch', 'slurm', 'mpi']), default='none', help='of jobs'),
    click.option('--local_rank', '--local-rank', type=int, default=0, help='set by the launcher'),
)
OPTIONS = (
    click.option('--trust-checkpoint', is_flag=True, help='read it even if that RUNS CODE that the file brings along'),
    click.option('--cfg-options', multiple=True, metavar='KEY=VALUE...', help='settings to override'),
    *RANKS,
    click.option('-q', '--quiet', is_flag=True, help='print nothing but warnings'),
)


def launch_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function the arguments of ``OPTIONS``."""
    return _with(command, OPTIONS)


def rank_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function the arguments of ``RANKS``."""
    return _with(command, RANKS)


def _with(command: Callable[..., Any], options: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command
