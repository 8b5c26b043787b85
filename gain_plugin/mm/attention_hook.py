"""Attention maps beside a host's predictions, for metrics and visualisation."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch.nn.functional as F
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn

from gain_plugin.affinity import Affinity
from gain_plugin.mm.samples import bound_arguments, multi_hot
from gain_plugin.mm.segmentors import is_segmentor, segmentor_options
from gain_plugin.model import GAIN
from gain_plugin.seeds import multi_scale_maps


@HOOKS.register_module()
class AttentionHook(Hook):
    """Give each predicted sample of ``val`` and ``test`` its ``attention_maps``.

    These are (n, H, W) in 0..1, at the size of the image before resizing, for the n image-level labels of the sample's
    ``gt_label``, in ascending order. They are made alike for every host, trained with the guidance or without.

    Args:
        num_classes: K, the number of scores.
        scales: factors on the size of the input, whose maps are added up.
        flip: add the maps of the mirrored images.
        target_layer: as in ``GAIN``.
        score_layer: as in ``GAIN``.
        affinity: arguments of ``gain_plugin.affinity.Affinity``, to spread the maps over what has like features, as
            ``dict(layers=('network.layer2', 'network.layer3'))``; a further pass an image.

    """

    def __init__(
        self,
        num_classes: int,
        scales: Sequence[float] = (1.0,),
        flip: bool = False,
        target_layer: str | None = None,
        score_layer: str | None = None,
        affinity: dict[str, Any] | None = None,
    ) -> None:
        self._num_classes = num_classes
        self._scales = tuple(scales)
        self._flip = flip
        self._affinity = Affinity(**affinity) if affinity else None
        self._target_layer = target_layer
        self._score_layer = score_layer

    def before_val(self, runner: Runner) -> None:
        """Begin to listen."""
        host = runner.model.module if is_model_wrapper(runner.model) else runner.model
        named = {'target_layer': self._target_layer, 'score_layer': self._score_layer}
        given = {key: name for key, name in named.items() if name is not None}
        options = segmentor_options(host) if is_segmentor(host) else {}
        self._gain = GAIN(host, score_kwargs={'mode': 'tensor'}, **{**options, **given})
        self._handle = host.register_forward_hook(self._attend, with_kwargs=True)

    def after_val(self, runner: Runner) -> None:
        """Leave the host as it was."""
        self._handle.remove()
        del self._gain

    before_test = before_val
    after_test = after_val

    def _attend(self, host: nn.Module, args: tuple, kwargs: dict[str, Any], output: Any) -> None:
        call = bound_arguments(host, args, kwargs)
        if call.get('mode') != 'predict':
            return
        images, samples = call['inputs'], call['data_samples']
        labels = multi_hot(samples, self._num_classes)
        maps = multi_scale_maps(
            partial(self._gain.attention, normalize=False), images, labels, scales=self._scales, flip=self._flip
        )
        if self._affinity:
            maps = self._affinity.spread(host, maps, images, labels, {'mode': 'tensor'})
        for sample, own in zip(output, maps.split(labels.sum(1).tolist()), strict=True):
            height, width = sample.img_shape[:2]
            own = F.interpolate(own[:, None, :height, :width], sample.ori_shape[:2], mode='bilinear')[:, 0]
            sample.set_field(own.cpu(), 'attention_maps')
