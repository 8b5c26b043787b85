"""One training, or one test, as the command line asks for it."""

from pathlib import Path

from mmengine.config import Config
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gain_plugin.mm.allocator import keep_freed_memory
from gain_plugin.mm.checkpoints import newest_whole
from gain_plugin.mm.console import Bar, QuietRunner
from gain_plugin.mm.loading import check_checkpoint, load_fitting


def train_config(cfg: Config, resume: bool = False, quiet: bool = False, trusted: bool = False) -> Path:
    """Train a config that has its ``work_dir``, and print what the last evaluation gave.

    Args:
        cfg: the config.
        resume: go on from the newest whole checkpoint in the work directory, unless the config has ``load_from``.
        quiet: print nothing but warnings.
        trusted: read the checkpoint to begin with even if that runs code that it brings along.

    Returns:
        The work directory.

    Raises:
        ValueError: a checkpoint that is damaged, fits nowhere or holds code.

    """
    found = newest_whole(cfg.work_dir) if resume and not cfg.get('load_from') else None
    first = str(found) if found else cfg.get('load_from')
    cfg.update(resume=resume and first is not None, load_from=first)
    if first and Path(first).is_file():
        check_checkpoint(first, trusted)
    runner = QuietRunner.from_cfg(cfg)
    keep_freed_memory(runner.logger)
    with Bar(quiet=quiet) as bar:
        bar.begin(runner, _name(cfg), train=True)
        metrics = runner.train() and _last_metrics(runner)
    if not quiet:
        _show(metrics or {})
        print(f'checkpoint and log in {cfg.work_dir}')
    return Path(cfg.work_dir)


def test_config(cfg: Config, checkpoint: str | Path, trusted: bool = False, quiet: bool = False) -> dict[str, float]:
    """Test a checkpoint of a config that has its ``work_dir``, and print what came out.

    Args:
        cfg: the config.
        checkpoint: of the same model, trained for the same classes.
        trusted: read it even if that runs code that it brings along.
        quiet: print nothing but warnings.

    Raises:
        ValueError: a checkpoint that does not fit, is damaged or holds code.

    """
    cfg.update(load_from=None, resume=False)
    runner = QuietRunner.from_cfg(cfg)
    classes = runner.test_loop.dataloader.dataset.metainfo['classes']
    load_fitting(runner, checkpoint, classes, trusted)
    with Bar(quiet=quiet) as bar:
        bar.begin(runner, _name(cfg), test=True)
        metrics = runner.test()
    if not quiet:
        _show(metrics)
    return metrics


def _name(cfg: Config) -> str:
    return Path(cfg.filename or 'config').stem


def _last_metrics(runner: QuietRunner) -> dict[str, float]:
    """What the message hub has of the last evaluation."""
    scalars = runner.message_hub.log_scalars
    return {name[4:]: log.current() for name, log in scalars.items() if name.startswith('val/') and 'time' not in name}


def _show(metrics: dict[str, float]) -> None:
    table = Table('', 'value')
    for name, value in metrics.items():
        table.add_row(escape(name), f'{value:.2f}')
    if metrics:
        Console().print(table)
