"""Settings of a config from the command line, as everywhere in OpenMMLab."""

import argparse
import difflib
import inspect
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.runner import Runner

READ = {
    *inspect.signature(Runner.__init__).parameters,
    *('activation_checkpointing', 'compile', 'custom_imports', 'efficient_conv_bn_eval', 'start', 'stride', 'trial'),
}
"""Settings that mmengine's Runner and the tools read; what else a config has is read while it is put together."""


def parse_options(words: Sequence[str]) -> dict[str, Any]:
    """``['train_cfg.max_iters=3', 'a=[1,2]']`` as the settings to merge into a config.

    Raises:
        ValueError: a word that is not ``key=value``.

    """
    wrong = [word for word in words if '=' not in word]
    if wrong:
        raise ValueError(f'settings must be key=value, got {wrong[0]!r}')
    parser = argparse.ArgumentParser()
    parser.add_argument('options', nargs='*', action=DictAction)
    return parser.parse_args(['--', *words]).options or {}


def merge_options(cfg: Config, options: dict[str, Any]) -> None:
    """Merge settings into a config, which must be such that something can read them.

    Raises:
        ValueError: the first word of a setting is neither in the config nor a setting of a Runner.

    """
    for name in options:
        first = name.split('.')[0]
        if first not in READ | cfg.keys():
            close = difflib.get_close_matches(first, READ | cfg.keys(), n=1)
            hint = f'; do you mean {close[0]!r}?' if close else ''
            raise ValueError(f'the setting {name!r} would change nothing: the config has no {first!r}{hint}')
        if first not in READ:
            warnings.warn(
                f'{first!r} is a variable of the config, and was put where it belongs when that was read: to change it '
                'is to no effect, unless code of your own reads it. Name the settings that it went into',
                stacklevel=2,
            )
    cfg.merge_from_dict(options)


def load_config(path: str | Path, words: Sequence[str] = (), work_dir: str | Path | None = None) -> Config:
    """A config with the settings of the command line; its log goes to ``./work_dirs/<config>`` unless either says so.

    Raises:
        ValueError: there is no such file, or one that is no config; a setting that is not ``key=value``, or that nobody
            reads.

    """
    if not Path(path).is_file():
        raise ValueError(f'the config {path} is not there')
    cfg = Config.fromfile(path)
    if 'model' not in cfg:
        raise ValueError(f'{path} has no model, so that it is no whole config: name one that inherits it')
    merge_options(cfg, parse_options(words))
    cfg.work_dir = str(work_dir or cfg.get('work_dir') or Path('work_dirs', Path(path).stem))
    return cfg
