"""A dense CRF behind a segmentor's predictions."""

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn
from torch.utils.hooks import RemovableHandle

from gain_plugin.images import read_image
from gain_plugin.mm.hosts import host_of
from gain_plugin.mm.samples import bound_arguments
from gain_plugin.pseudo_labels.crf import smooth


@HOOKS.register_module()
class CRFHook(Hook):
    """Put what a dense CRF makes of a segmentor's ``seg_logits`` in place of its ``pred_sem_seg``, in ``test``.

    The settings are SEC's; the CRF sees the image itself, at its own size. Samples name it in ``img_path``.
    """

    _handle: RemovableHandle | None = None

    def before_test(self, runner: Runner) -> None:
        """Begin to listen."""
        if self._handle is not None:  # of a test that an error ended
            self._handle.remove()
        self._handle = host_of(runner).register_forward_hook(self._refine, with_kwargs=True)

    def after_test(self, runner: Runner) -> None:
        """Leave the host as it was."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    def _refine(self, host: nn.Module, args: tuple, kwargs: dict[str, Any], output: Any) -> None:
        if bound_arguments(host, args, kwargs).get('mode') != 'predict':
            return
        for sample in output:
            image = read_image(sample.img_path)
            refined = smooth(image, sample.seg_logits.data.cpu().numpy())
            sample.pred_sem_seg.data = torch.from_numpy(refined).argmax(0, keepdim=True)
