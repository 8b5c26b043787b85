"""Attention maps beside a host's predictions, for metrics and visualisation."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch.nn.functional as F
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from gain_plugin.affinity import Affinity
from gain_plugin.cam import CAM
from gain_plugin.mm.colour_order import check_colour_order
from gain_plugin.mm.hook import GAINHook
from gain_plugin.mm.hosts import host_of, reading_options, with_functions
from gain_plugin.mm.samples import bound_arguments, multi_hot
from gain_plugin.mm.streamed import check_loop
from gain_plugin.seeds import check_scales, multi_scale_maps
from gain_plugin.settings import check_count


@HOOKS.register_module()
class AttentionHook(Hook):
    """Give each predicted sample of ``val`` and ``test`` its ``attention_maps``.

    These are (n, H, W) in 0..1, at the size of the image before resizing, for the n image-level labels of the sample's
    ``gt_label``, in ascending order. They are made alike for every host, trained with the guidance or without.

    Args:
        num_classes: K, the number of scores.
        scales: factors on the size of the input, whose maps are added up.
        flip: add the maps of the mirrored images.
        target_layer: as in ``CAM``.
        score_layer: as in ``CAM``.
        reshape: as in ``CAM``.
        scores: as in ``CAM``.
        weigh: as in ``CAM``. In a file of a config, functions are named: ``'my_module.my_function'``.
        affinity: arguments of ``gain_plugin.affinity.Affinity``, to spread the maps over what has like features, as
            ``dict(layers=('network.layer2', 'network.layer3'))``; a further pass an image.

    Raises:
        ValueError: a setting out of its range, a function that is not there, or, before the first iteration or
            evaluation, one that does not fit the host.

    """

    def __init__(
        self,
        num_classes: int,
        scales: Sequence[float] = (1.0,),
        flip: bool = False,
        target_layer: str | None = None,
        score_layer: str | None = None,
        reshape: str | Callable[[Tensor], Tensor] | None = None,
        scores: str | Callable[[Any], Tensor] | None = None,
        weigh: str | Callable[[Tensor, Tensor], Tensor] | None = None,
        affinity: dict[str, Any] | None = None,
    ) -> None:
        check_count('num_classes', num_classes)
        check_scales(scales, flip)
        self.num_classes = num_classes
        self.scales = tuple(scales)
        self.flip = flip
        self._affinity = Affinity(**affinity) if affinity else None
        self._handle: RemovableHandle | None = None
        named = {
            'target_layer': target_layer,
            'score_layer': score_layer,
            'reshape': reshape,
            'scores': scores,
            'weigh': weigh,
        }
        self.options = with_functions({name: value for name, value in named.items() if value is not None})
        self.settings = {'scales': self.scales, 'flip': flip, 'affinity': affinity, **named}

    def before_run(self, runner: Runner) -> None:
        """Tell once if other maps are read than are guided."""
        guided = next((hook.options for hook in runner.hooks if isinstance(hook, GAINHook)), self.options)
        differ = [name for name in ('weigh', 'reshape') if guided.get(name) != self.options.get(name)]
        if differ:
            runner.logger.warning(
                f'AttentionHook reads other maps than GAINHook guides: give both the same {" and ".join(differ)}='
            )

    def before_train(self, runner: Runner) -> None:
        """Find out now what would else be wrong at the first evaluation."""
        host = host_of(runner)
        check_colour_order(host, runner.train_loop.dataloader.dataset)
        check_loop(runner.train_loop)
        self.attach(host)

    def before_val(self, runner: Runner) -> None:
        """Begin to listen."""
        host = host_of(runner)
        if self._handle is not None:  # of an evaluation that an error ended
            self._handle.remove()
        self._cam = self.attach(host)
        self._handle = host.register_forward_hook(self._attend, with_kwargs=True)

    def after_val(self, runner: Runner) -> None:
        """Leave the host as it was."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
        del self._cam

    before_test = before_val
    after_test = after_val

    def attach(self, host: nn.Module) -> CAM:
        """What reads the maps of a host; a ValueError if that has not ``num_classes`` scores, or not the layers."""
        if self._affinity:
            self._affinity.check(host)
        cam = CAM(host, **reading_options(host, self.options))
        if cam.found and cam.found.classes != self.num_classes:
            raise ValueError(
                f'num_classes={self.num_classes} of AttentionHook must be the number of scores, {cam.found.classes}'
            )
        return cam

    def maps(self, cam: CAM, images: Tensor, samples: Sequence[BaseDataElement]) -> list[Tensor]:
        """Maps (n, H, W) of each of N samples, for its labels.

        Args:
            cam: of ``attach``.
            images: (N, 3, H, W), as the host's preprocessor gives them.
            samples: N, with ``gt_label``, ``img_shape`` and ``ori_shape``.

        """
        labels = multi_hot(samples, self.num_classes)
        attend = partial(cam.attention, normalize=False)
        maps = multi_scale_maps(attend, images, labels, scales=self.scales, flip=self.flip)
        if self._affinity:
            maps = self._affinity.spread(cam.classifier, maps, images, labels, {'mode': 'tensor'})
        return [
            _at_original_size(own, sample)
            for own, sample in zip(maps.split(labels.sum(1).tolist()), samples, strict=True)
        ]

    def _attend(self, host: nn.Module, args: tuple, kwargs: dict[str, Any], output: Any) -> None:
        call = bound_arguments(host, args, kwargs)
        if call.get('mode') != 'predict':
            return
        maps = self.maps(self._cam, call['inputs'], call['data_samples'])
        for sample, own in zip(output, maps, strict=True):
            sample.set_field(own.cpu(), 'attention_maps')


def _at_original_size(maps: Tensor, sample: BaseDataElement) -> Tensor:
    """Without what the batch was padded with, and brought back to the size before resizing."""
    height, width = sample.img_shape[:2]
    return F.interpolate(maps[:, None, :height, :width], sample.ori_shape[:2], mode='bilinear')[:, 0]
