"""Checkpoints that are loaded only where they are whole, fit, and bring no code along."""

import pickle
from collections.abc import Sequence
from logging import WARNING
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.runner import Runner

from gain_plugin.mm.checkpoints import is_whole
from gain_plugin.mm.hosts import host_of


def load_fitting(
    runner: Runner, checkpoint: str | Path, classes: Sequence[str] | None = None, trusted: bool = False
) -> Sequence[str] | None:
    """Load a checkpoint of the same model, trained for the same ``classes`` if these are given.

    It is refused if it is damaged and, unless it is ``trusted``, if reading it would run code of its own. Where torch
    (before 2.5) or mmengine (OpenMMLab's own) cannot tell, the log says so.

    Returns:
        Names of the classes that it was trained for; None if it does not say.

    """
    if not Path(checkpoint).is_file():
        raise ValueError(f'the checkpoint {checkpoint} is not there')
    check_checkpoint(checkpoint, trusted)
    try:
        loaded = runner.load_checkpoint(str(checkpoint), strict=True)
    except RuntimeError as error:
        raise ValueError(f'the checkpoint {checkpoint} does not fit the model of the config: {error}') from error
    trained = ((loaded.get('meta') or {}).get('dataset_meta') or {}).get('classes')
    if trained is not None and classes is not None and tuple(trained) != tuple(classes):
        raise ValueError(f'{checkpoint} was trained for the classes {trained}, the config names {classes}')
    return trained


def tell_of_misfits(runner: Runner, filename: str, state: dict[str, Any]) -> None:
    """Log what of a model a checkpoint's ``state`` has no weights for.

    Raises:
        ValueError: all of it.

    """
    own = {name: value.shape for name, value in host_of(runner).state_dict().items()}
    given = {name.removeprefix('module.'): getattr(value, 'shape', None) for name, value in state.items()}
    missing = [name for name in own if given.get(name) != own[name] and not name.endswith('num_batches_tracked')]
    if missing and not any(given.get(name) == shape for name, shape in own.items()):
        raise ValueError(
            f'nothing in {filename} fits the model, neither in name nor in shape: it begins with '
            f'{next(iter(given), None)!r}, the model with {missing[0]!r}; is it of another config?'
        )
    if missing:
        runner.logger.warning(
            f'{filename} has no weights in the shape of {len(missing)} of the {len(own)} of the model, such as '
            f'{missing[0]!r}: these stay as they were built'
        )


def check_checkpoint(checkpoint: str | Path, trusted: bool = False) -> None:
    """Raise a ValueError for a file that is damaged, is no checkpoint, or would run code when mmengine reads it.

    Unpickling in full, as mmengine does with what PyTorch refuses, runs whatever the file says. One that is ``trusted``
    is looked at from outside alone.
    """
    _check_form(Path(checkpoint))
    if trusted:
        return
    try:
        from mmengine.runner.checkpoint import get_torch_safe_globals
        from torch.serialization import safe_globals
    except ImportError:  # mmengine 0.10.7, or torch before 2.5
        print_log(f'reading {checkpoint} may run code that it holds: load only what you trust', 'current', WARNING)
        return
    try:
        with safe_globals(get_torch_safe_globals()):
            content = torch.load(checkpoint, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f'{checkpoint} holds more than weights, and reading it could run code ({_reason(error)}). If you trust '
            'where it comes from, add --trust-checkpoint, with which train and test read it all the same'
        ) from error
    except Exception as error:  # what reads nonsense may raise any
        raise ValueError(f'{checkpoint} is cut off or no checkpoint: {type(error).__name__} {error}') from error
    state = content.get('state_dict', content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not any(isinstance(value, torch.Tensor) for value in state.values()):
        raise ValueError(f"{checkpoint} has no weights: neither tensors by name nor a 'state_dict' of them")


def _reason(error: pickle.UnpicklingError) -> str:
    """The line in which torch says what it did not read, without its advice around it."""
    return str(error).rpartition('WeightsUnpickler error:')[2].strip().partition('\n')[0]


def _check_form(path: Path) -> None:
    with path.open('rb') as file:
        begin = file.read(2)
    if not begin:
        raise ValueError(f'{path} is empty')
    if begin == b'PK' and not is_whole(path):
        raise ValueError(f'{path} is cut off or damaged: its parts are not as their checksums say')
    if begin != b'PK' and begin[:1] != b'\x80':  # of a zip, and of pickles, which torch wrote before 1.6
        raise ValueError(f'{path} is no checkpoint: torch.save has not written it')
