"""What the tools share: training that goes on where it was, and settings that do not change under way."""

import json
import re
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

from gain_plugin.files import write_atomically
from gain_plugin.mm.allocator import keep_freed_memory
from gain_plugin.mm.checkpoints import newest_whole
from gain_plugin.mm.console import Bar, QuietRunner
from gain_plugin.mm.loading import check_checkpoint

NOT_TRAINING = ('attention', 'logger', 'pictures', 'report', 'visualization')  # hooks that leave the weights alone


def train(cfg: Config, work_dir: Path, bar: Bar | None = None, test: bool = False) -> Runner:
    """Train, or go on from the newest whole checkpoint in ``work_dir``; without the evaluation on the way.

    Args:
        cfg: the config.
        work_dir: where its log and checkpoints go.
        bar: shows how far it is; one of its own if not given.
        test: the caller tests the Runner afterwards, under the same bar.

    Raises:
        ValueError: ``work_dir`` has a training with other settings, or a checkpoint that is damaged or holds code.

    """
    keep_same(work_dir / 'settings.json', training_settings(cfg))
    found = newest_whole(work_dir)
    cfg.update(work_dir=str(work_dir), resume=found is not None, val_dataloader=None, val_cfg=None, val_evaluator=None)
    if found is not None:
        cfg.load_from = str(found)
    if cfg.get('load_from') and Path(cfg.load_from).is_file():
        check_checkpoint(cfg.load_from)
    runner = QuietRunner.from_cfg(cfg)
    keep_freed_memory(runner.logger)
    with nullcontext(bar) if bar else Bar() as shown:
        shown.begin(runner, work_dir.name, train=True, test=test)
        runner.train()
    return runner


def training_settings(cfg: Config) -> dict[str, Any]:
    """All of a config that weights depend on."""
    names = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler', 'randomness', 'custom_hooks')
    settings = {name: cfg.get(name) for name in (*names, 'load_from')}
    hooks = {name: hook for name, hook in cfg.get('default_hooks', {}).items() if name not in NOT_TRAINING}
    return {**settings, 'default_hooks': hooks}


def keep_same(path: Path, settings: dict[str, Any]) -> None:
    """Write down settings, or refuse what differs from those written before.

    Raises:
        ValueError: names what differs and what to do.

    """
    text = json.dumps(settings, indent=1, default=_plain)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: file.write(text.encode()))
    before, now = _leaves(read_json(path)), _leaves(json.loads(text))
    differ = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if differ:
        shown = ', '.join(f'{name} {before.get(name)} -> {now.get(name)}' for name in differ[:5])
        raise ValueError(
            f'{path.parent} was made with other settings ({shown}): take another work directory, or remove that one'
        )


def read_json(path: Path) -> Any:
    """What ``write_json`` wrote; a ValueError names a file that is damaged."""
    try:
        return json.loads(path.read_text())
    except ValueError as error:  # not Unicode, either
        raise ValueError(f'{path} is damaged ({error}): mend it, or remove what it belongs to') from error


def write_json(path: Path, content: Any) -> None:
    """Write a file of results, which is never there in part."""
    text = json.dumps(content, indent=1) + '\n'
    write_atomically(path, lambda file: file.write(text.encode()))


def _leaves(value: Any, name: str = '') -> dict[str, Any]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None or not value:
        return {name: value}
    return {key: leaf for part, inner in items for key, leaf in _leaves(inner, f'{name}.{part}'.strip('.')).items()}


def _plain(value: Any) -> Any:
    """What JSON has no form for: by name, and alike in every run."""
    if hasattr(value, 'to_dict'):
        return value.to_dict()
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, type | FunctionType | BuiltinFunctionType | MethodType):
        return f'{value.__module__}.{value.__qualname__}'
    return re.sub(' at 0x[0-9a-f]+', '', repr(value))
