"""What a run shows: one bar over the whole job and a line a stage. The full log goes to its file."""

import logging
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gain_plugin.mm.loading import tell_of_misfits

STEP = 10  # per cent from line to line where the output goes to a file
NOISE = (
    'FileClient" will be deprecated',  # mmengine's CheckpointHook itself uses it: open-mmlab/mmengine#1084
    '"HardDiskBackend" is the alias',  # the same
)


class QuietRunner(Runner):
    """A Runner that logs into its file, and of that only warnings, without its own makers', to the console."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        _import_mmseg()
        with warnings.catch_warnings():
            # a hint to change the loss that mmseg's own configs have: open-mmlab/mmsegmentation#1409
            warnings.filterwarnings('ignore', 'Default ``avg_non_ignore``')
            super().__init__(*args, **settings)

    def build_logger(self, log_level: int | str = 'INFO', log_file: str | None = None, **kwargs: Any) -> MMLogger:
        """Called by mmengine."""
        logger = super().build_logger(log_level, log_file, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.setLevel(max(handler.level, logging.WARNING))
                handler.addFilter(_is_news)
        return logger

    def load_checkpoint(self, filename: str, *args: Any, **settings: Any) -> dict:
        """Say in a line what does not fit the model, which mmengine prints by all its names.

        Raises:
            ValueError: nothing fits.

        """
        with redirect_stdout(StringIO()):
            checkpoint = super().load_checkpoint(filename, *args, **settings)
        tell_of_misfits(self, filename, checkpoint.get('state_dict', checkpoint))
        return checkpoint

    def resume(self, filename: str, *args: Any, **settings: Any) -> None:
        """Called by mmengine; a ValueError for weights alone."""
        try:
            super().resume(filename, *args, **settings)
        except KeyError as error:
            raise ValueError(
                f'{filename} has no {error}, so that no training can go on from it: give it as load_from= to begin with'
            ) from error


def _import_mmseg() -> None:
    """Import mmseg without what it prints where nothing is wrong."""
    with warnings.catch_warnings(), redirect_stdout(StringIO()):  # "Could not import OneDL", an optional data set
        # onedl-mmcv without compiled operators: open-mmlab/mmpose#3014
        warnings.filterwarnings('ignore', 'Fail to import ``MultiScaleDeformableAttention``')
        if find_spec('mmseg'):
            import_module('mmseg.models')
            import_module('mmseg.datasets')


def _is_news(record: logging.LogRecord) -> bool:
    return not any(text in record.getMessage() for text in NOISE)


class Bar(Hook):
    """One bar with the time left, over several runs one after another. Where the output is a file, ten lines.

    Example::

        with Bar(runs=2) as bar:
            for cfg in configs:
                runner = QuietRunner.from_cfg(cfg)
                bar.begin(runner, cfg.filename, train=True, test=True)
                runner.train()
                runner.test()

    Args:
        runs: how many; the length of those to come is taken to be that of the first.
        quiet: show nothing.

    """

    priority = 'VERY_LOW'  # what was logged is there

    def __init__(self, runs: int = 1, quiet: bool = False) -> None:
        quiet = quiet or not is_main_process()
        self.console = Console(stderr=True, quiet=quiet)
        text = TextColumn('{task.description}', markup=False)
        columns = (text, BarColumn(20), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=self.console, disable=quiet or not self.console.is_terminal)
        self._task = self._progress.add_task('', total=None)
        self._left = runs
        self._end = 0.0

    def __enter__(self) -> 'Bar':
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def begin(self, runner: Runner, name: str, *, train: bool = False, test: bool = False) -> None:
        """A line for the next run, which is watched from now on."""
        work = (_steps(runner.train_loop) if train else 0) + (len(runner.test_loop.dataloader) if test else 0)
        self._progress.update(self._task, total=self._end + work * max(self._left, 1))
        self._end += work
        self._left -= 1
        self._name = name
        self.say(f'{name}: log in {runner.log_dir}')
        runner.register_hook(self)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def before_train(self, runner: Runner) -> None:
        """Called by mmengine: what was done before an interruption is done."""
        self._advance(runner, 'train', runner.iter)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Called by mmengine."""
        scalars = runner.message_hub.log_scalars
        shown = [f'{name[6:]} {scalars[name].current():.3f}' for name in _losses(list(scalars))]
        self._advance(runner, ' '.join(['train', *shown]))

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Called by mmengine."""
        self._progress.update(self._task, description=f'{self._name} val {batch_idx + 1}')

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Called by mmengine."""
        self._advance(runner, 'test')

    def _advance(self, runner: Runner, text: str, steps: int = 1) -> None:
        task = self._progress.tasks[0]
        before = task.percentage // STEP
        self._progress.update(self._task, advance=steps, description=f'{self._name} {text}')
        if not self.console.is_terminal and task.percentage // STEP > before:
            self.say(f'{task.percentage:3.0f} % {task.description}')


def _steps(loop: Any) -> int:
    return loop.max_iters


def _losses(names: Sequence[str]) -> list[str]:
    return [name for name in names if name.startswith('train/loss')]
