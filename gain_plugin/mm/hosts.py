"""The model that a Runner trains, and how its maps are read."""

from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from gain_plugin.mm.segmentors import is_segmentor, segmentor_options


def host_of(runner: Runner) -> nn.Module:
    """The model of a Runner without what wraps it for several processes."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def reading_options(host: nn.Module, given: dict[str, Any]) -> dict[str, Any]:
    """Arguments of ``CAM`` or ``GAIN`` for a host of mmengine, which gives scores with ``mode='tensor'``."""
    own = segmentor_options(host) if is_segmentor(host) else {}
    return {'score_kwargs': {'mode': 'tensor'}, **own, **given}
