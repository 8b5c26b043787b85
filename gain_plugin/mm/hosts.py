"""The model that a Runner trains, and how its maps are read."""

from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmengine.utils import get_object_from_string
from torch import nn

from gain_plugin.mm.segmentors import is_segmentor, segmentor_options

SIGMOID_LOSSES = ('BCELoss', 'BCEWithLogitsLoss', 'MultiLabelSoftMarginLoss', 'AsymmetricLoss', 'FocalLoss')
"""Losses, of torch and mmpretrain, of a classifier with a sigmoid a class."""
FUNCTIONS = ('fill', 'reshape', 'scores', 'scorer', 'weigh')
"""Arguments of ``CAM`` and ``GAIN`` that may be functions."""


def host_of(runner: Runner) -> nn.Module:
    """The model of a Runner without what wraps it for several processes."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def reading_options(host: nn.Module, given: dict[str, Any]) -> dict[str, Any]:
    """Arguments of ``CAM`` or ``GAIN`` for a host of mmengine, which gives scores with ``mode='tensor'``."""
    own = segmentor_options(host) if is_segmentor(host) else {}
    return {'score_kwargs': {'mode': 'tensor'}, **own, **given}


def trained_by_softmax(host: nn.Module) -> bool:
    """Whether the losses that ``host`` holds are cross entropies over its classes, as in mmpretrain's heads."""
    losses = [module for module in host.modules() if type(module).__name__ == 'CrossEntropyLoss']
    if any(type(module).__name__ in SIGMOID_LOSSES for module in host.modules()):
        return False
    return bool(losses) and not is_segmentor(host) and not any(getattr(loss, 'use_sigmoid', False) for loss in losses)


def with_functions(options: dict[str, Any]) -> dict[str, Any]:
    """``options`` of a config, in which functions are given as ``'module.function'``, with the functions themselves.

    Raises:
        ValueError: no such function.

    """
    return {name: _function(name, value) if name in FUNCTIONS else value for name, value in options.items()}


def _function(name: str, value: Any) -> Any:
    if not isinstance(value, str) or '.' not in value:
        return value
    found = get_object_from_string(value)
    if not callable(found):
        raise ValueError(f'{name}={value!r} is no function that can be imported: check the name and PYTHONPATH')
    return found
