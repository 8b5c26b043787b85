"""Settings of a config from the command line, as everywhere in OpenMMLab."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction


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


def load_config(path: str | Path, words: Sequence[str] = (), work_dir: str | Path | None = None) -> Config:
    """A config with the settings of the command line; its log goes to ``./work_dirs/<config>`` unless either says so.

    Raises:
        ValueError: there is no such file, or one that is no config; a setting that is not ``key=value``.

    """
    if not Path(path).is_file():
        raise ValueError(f'the config {path} is not there')
    cfg = Config.fromfile(path)
    cfg.merge_from_dict(parse_options(words))
    cfg.work_dir = str(work_dir or cfg.get('work_dir') or Path('work_dirs', Path(path).stem))
    return cfg
