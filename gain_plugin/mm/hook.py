"""GAIN for any mmengine Runner, by a line in ``custom_hooks``."""

import inspect
from typing import Any

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import Tensor, nn

from gain_plugin.losses import GAINLoss
from gain_plugin.mm.colour_order import check_colour_order
from gain_plugin.mm.samples import bound_arguments, masks_of, multi_hot
from gain_plugin.mm.segmentors import is_segmentor, no_tags, segmentor_options
from gain_plugin.model import GAIN


@HOOKS.register_module()
class GAINHook(Hook):
    """Add ``loss_am``, and with masks ``loss_ext``, to the losses of the host model while it trains.

    The host's own pass is recorded by PyTorch forward hooks, there from ``before_train`` to ``after_train``. The host's
    config, state-dict keys and behaviour in other modes stay as they are. A frozen or averaged scorer is kept in the
    checkpoint under the key ``gain_judge``, beside the host's.

    The host is called with ``mode='loss'`` for its losses and ``mode='tensor'`` for its scores. Samples name their
    image-level labels by indices in ``gt_label``; a ``gt_sem_seg`` (0 background, c + 1 for class c, 255 unknown) is
    taken as a mask for the extra supervision of its image.

    A segmentor of mmseg needs no more than the hook (``gain_plugin.mm.segmentors``). Its scores are its own logits,
    pooled. Where samples have no ``gt_label``, their labels are the classes in ``gt_sem_seg``, without background (a
    first class whose name begins so) and what is ignored. There is no extra supervision: the masks are in use already.

    Args:
        loss: arguments of ``GAINLoss``.
        gain: arguments of ``GAIN``, such as ``target_layer``, ``score_layer`` and ``scorer``. For a segmentor
            ``one_class`` is True unless given: a street scene has a dozen classes.
        warmup: iterations of plain training to begin with; a frozen scorer is a copy of the host as these leave it.
        ramp: iterations after the warm-up in which alpha grows linearly to its value.

    """

    def __init__(
        self, loss: dict[str, Any] | None = None, gain: dict[str, Any] | None = None, warmup: int = 0, ramp: int = 0
    ) -> None:
        self._loss = GAINLoss(**(loss or {}))
        self._alpha = self._loss.alpha
        self._options = gain or {}
        inspect.signature(GAIN).bind(nn.Identity(), **self._options)  # a wrong name fails here, not after hours
        self._wants_masks = bool((loss or {}).get('ext_weight'))
        self._warmup = warmup
        self._ramp = ramp
        self._guided = False
        self._saved_judge: dict[str, Tensor] | None = None

    def before_train(self, runner: Runner) -> None:
        """Build the guidance around the host and begin to listen."""
        if runner.cfg.get('compile'):
            raise ValueError(
                'compile=True cannot differentiate twice: remove it, or compile the stages below the target layer'
            )
        host = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if getattr(host, 'mix', None):
            raise ValueError('maps of mixed images have no tags: remove mix= from the model, or this hook')
        self._segmentor = is_segmentor(host)
        if self._segmentor and self._wants_masks:
            raise ValueError('the masks of a segmentor are its own labels already: remove ext_weight= from loss')
        options = segmentor_options(host) if self._segmentor else {}
        self.gain = GAIN(host, self._loss, **{'score_kwargs': {'mode': 'tensor'}, **options, **self._options})
        check_colour_order(host, runner.train_loop.dataloader.dataset)
        self._no_tags = no_tags(host, runner.train_loop.dataloader.dataset) if self._segmentor else None
        if self.gain.judge is not None and runner.iter > self._warmup:
            if self._saved_judge is None:
                raise ValueError(
                    "the checkpoint to resume has no scorer ('gain_judge'): it was trained without this hook"
                )
            self.gain.judge.load_state_dict(self._saved_judge)
        self._recorder = self.gain.record()
        self._handles = [
            host.register_forward_pre_hook(self._begin, with_kwargs=True),
            host.register_forward_hook(self._end, with_kwargs=True, always_call=True),
        ]

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Set what depends on the iteration, so that a resumed run goes on as if it had not stopped."""
        if runner.iter == self._warmup:
            self.gain.refresh_scorer()
        done = runner.iter - self._warmup
        self._loss.alpha = 0.0 if done < 0 else self._alpha * min(1.0, (done + 1) / (self._ramp + 1))
        self._guided = done >= 0
        self.gain.generator.manual_seed(abs(hash((runner.seed, get_rank(), runner.iter))))

    def after_train(self, runner: Runner) -> None:
        """Leave the host as it was."""
        for handle in self._handles:
            handle.remove()
        del self.gain

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the scorer, which is no part of the host."""
        gain = getattr(self, 'gain', None)  # there only while training
        if gain is not None and gain.judge is not None:
            checkpoint['gain_judge'] = gain.judge.state_dict()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take the scorer of a checkpoint, to be used if training resumes from it."""
        self._saved_judge = checkpoint.get('gain_judge')

    def _begin(self, host: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        if self._guided and bound_arguments(host, args, kwargs).get('mode') == 'loss':
            self._recorder.__enter__()

    def _end(self, host: nn.Module, args: tuple, kwargs: dict[str, Any], output: Any) -> dict[str, Tensor] | None:
        self._recorder.__exit__(None, None, None)
        call = bound_arguments(host, args, kwargs)
        if not self._guided or call.get('mode') != 'loss' or output is None:
            return None
        features, scores = self.gain.read(self._recorder)
        samples = call['data_samples']
        take_masks = self._loss.ext_weight and not self._segmentor
        masks = masks_of(samples, call['inputs'].shape[-2:]) if take_masks else None
        labels = multi_hot(samples, scores.shape[1], self._no_tags)
        return {**output, **self.gain.guide(call['inputs'], labels, features, scores, masks)}
