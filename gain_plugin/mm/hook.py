"""GAIN for any mmengine Runner, by a line in the config."""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS, MODELS
from mmengine.runner import Runner
from torch import Tensor, nn

from gain_plugin.losses import GAINLoss
from gain_plugin.mm.colour_order import check_colour_order
from gain_plugin.mm.drawn_anew import fingerprints, tell_of_drawn
from gain_plugin.mm.hosts import host_of, reading_options, trained_by_softmax, with_functions
from gain_plugin.mm.samples import bound_arguments, masks_of, multi_hot
from gain_plugin.mm.schedule import Falling, check_iterations, schedule
from gain_plugin.mm.segmentors import ignored_values, is_segmentor
from gain_plugin.mm.streamed import check_loop
from gain_plugin.model import GAIN
from gain_plugin.scorers import EMA, SCORERS, Detached, Frozen, Scorer, Shared
from gain_plugin.settings import check_count

MANY = 10_000  # photos among which one with a mask should have come

for _module in (GAINLoss, *SCORERS.values()):
    MODELS.register_module(module=_module)


@HOOKS.register_module()
class GAINHook(Hook):
    """Add ``loss_am``, and with masks ``loss_ext``, to the losses of the host model while it trains.

    Without arguments it does what worked on photos (docs/evidence.md): the first two thirds of the run are plain; then
    a frozen copy of the host scores the images, one drawn class of each erased, and alpha grows over a third of what
    is left. The log says so once. Beside the losses it has what ``GAIN.health`` says of each guided step, as
    ``gain/coverage`` (docs/health.md).

    The host's own pass is recorded by PyTorch forward hooks, there from ``before_train`` to ``after_train``. The host's
    config, state-dict keys and behaviour in other modes stay as they are. What a scorer has to keep is state of the
    training, as the optimiser's: it goes into the checkpoint's ``optimizer`` under the key ``gain_scorer``, so that
    tools which publish a checkpoint leave out both.

    The host is called with ``mode='loss'`` for its losses and ``mode='tensor'`` for its scores. Samples name their
    image-level labels by indices in ``gt_label``; a ``gt_sem_seg`` (0 background, c + 1 for class c, 255 unknown) is
    taken as a mask for the extra supervision of its image.

    A segmentor of mmseg needs no more than the hook (``gain_plugin.mm.segmentors``). Its scores are its own logits,
    pooled. Where samples have no ``gt_label``, their labels are the classes in ``gt_sem_seg``, without background (a
    first class whose name begins so) and what is ignored. There is no extra supervision: the masks are in use already.

    Args:
        loss: config of the loss, ``GAINLoss`` unless it has a ``type``, or a list of configs of several terms. Where it
            has no ``mining`` and the host is trained by cross entropy over its classes, that is ``'softmax_ce'``.
        gain: arguments of ``GAIN``, such as ``target_layer`` and ``score_layer``. Here ``scorer`` is ``'frozen'`` and
            ``one_class`` True unless given; ``scorer`` may be a config with a ``type``, too, and functions may be
            named, as ``fill='my_module.my_function'``.
        warmup: iterations of plain training to begin with; a frozen scorer is a copy of the host as these leave it.
            Two thirds of the run if not given, and none beside a scorer that learns with the host.
        ramp: iterations after the warm-up in which alpha grows linearly to its value; a third of what the warm-up
            leaves if not given.
        interval: guide one iteration in so many, beginning with the first one after the warm-up, by tags and masks; the
            others are plain and cost no more than that. The weights in ``loss`` stay what they are in those guided.

    Raises:
        ValueError: settings out of range or that contradict the host, before the first iteration.

    """

    def __init__(
        self,
        loss: dict[str, Any] | Sequence[dict[str, Any]] | None = None,
        gain: dict[str, Any] | None = None,
        warmup: int | None = None,
        ramp: int | None = None,
        interval: int = 1,
    ) -> None:
        terms = [loss or {}] if loss is None or isinstance(loss, dict) else loss
        if not isinstance(terms, Sequence) or not terms or not all(isinstance(term, dict) for term in terms):
            raise ValueError(f'loss must be a config, as dict(alpha=0.5), or a list of them, got {loss!r}')
        self._terms = [MODELS.build({'type': 'GAINLoss', **term}) for term in terms]
        self._open = [term for given, term in zip(terms, self._terms, strict=True) if 'mining' not in given]
        if not isinstance(gain or {}, dict):
            raise ValueError(f"gain must be arguments of GAIN, as dict(scorer='ema'), got {gain!r}")
        self.options = with_functions({'scorer': 'frozen', 'one_class': True, **(gain or {})})
        # a wrong name fails here, not after hours
        inspect.signature(GAIN).bind(nn.Identity(), self._terms, **self.options)
        self._wants_masks = any('ext_weight' in term and term['ext_weight'] for term in terms)
        self._warmup = check_iterations('warmup', warmup)
        self._ramp = check_iterations('ramp', ramp)
        check_count('interval', interval)
        self._interval = interval
        self._networks: dict[str, list[float]] = {}
        self._strength = self._guiding = 0.0
        self._saved_scorer: dict[str, Tensor] | None = None
        self._handles: list[Any] = []
        self._seen = self._shown = 0
        self._falling = Falling()
        self._masked = False

    @property
    def passes(self) -> float | None:
        """How often an image went through a network since the guidance began: itself, and what is erased; None before.

        A mean over all iterations, with ``interval`` those between guided ones, too.
        """
        return 1 + self._shown / self._seen / self._interval if self._seen else None

    def guided(self, runner: Runner) -> int:
        """How many iterations there are from the first guided one to the present one, which counts."""
        return max(0, runner.iter - self._begin_at + 1)

    def before_run(self, runner: Runner) -> None:
        """Give way to a later one, as to one in ``custom_hooks`` of a config that inherits one in ``default_hooks``."""
        if self is not [hook for hook in runner.hooks if isinstance(hook, GAINHook)][-1]:
            runner.logger.warning(
                'GAIN: two GAINHooks would guide twice: the last one is taken. To change settings of an inherited one '
                'write default_hooks=dict(gain=dict(...))'
            )
            runner._hooks = [hook for hook in runner.hooks if hook is not self]
        self._networks = fingerprints(host_of(runner))

    def before_train(self, runner: Runner) -> None:
        """Build the guidance around the host and begin to listen."""
        if runner.cfg.get('compile'):
            raise ValueError(
                'compile=True cannot differentiate twice: remove it, or compile the stages below the target layer'
            )
        host = host_of(runner)
        _end_broken_off(host)
        if getattr(host, 'mix', None):
            raise ValueError('maps of mixed images have no tags: remove mix= from the model, or this hook')
        self._segmentor = is_segmentor(host)
        if self._segmentor and self._wants_masks:
            raise ValueError('the masks of a segmentor are its own labels already: remove ext_weight= from loss')
        tell_of_drawn(runner, host, self._networks)
        self._suit_terms(runner, host)
        self.gain = GAIN(host, self._terms, **self._buildable(reading_options(host, self.options)))
        check_colour_order(host, runner.train_loop.dataloader.dataset)
        check_loop(runner.train_loop)
        scorer = self.gain.scorer
        learns, copied = isinstance(scorer, Shared | Detached | EMA), isinstance(scorer, Frozen)
        self._begin_at, self._grow_over = schedule(
            runner, self._warmup, self._ramp, self._interval, learns=learns, copied=copied
        )
        runner.logger.info(
            f'GAIN: {self._begin_at} iterations of plain training, then guided ones up to {runner.max_iters}'
            f'{"" if self._interval == 1 else f", one in {self._interval}"}, alpha '
            f'growing over the first {self._grow_over} of these; maps of {self.gain.target_layer!r}, scorer '
            f'{type(scorer).__name__}'
        )
        self.ignored = ignored_values(host, runner.train_loop.dataloader.dataset) if self._segmentor else None
        if self.gain.scorer.state_dict() and runner.iter > self._begin_at:
            if self._saved_scorer is None:
                raise ValueError(
                    "the checkpoint to resume has no scorer ('gain_scorer' in its optimizer): it is of a run without "
                    f'this hook, or was published: set warmup={runner.iter} for a new scorer'
                )
            self.gain.scorer.load_state_dict(self._saved_scorer)
        self._recorder = self.gain.record()
        self._handles = [
            host.register_forward_pre_hook(self._begin, with_kwargs=True),
            host.register_forward_hook(self._end, with_kwargs=True, always_call=True),
        ]

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Set what depends on the iteration, so that a resumed run goes on as if it had not stopped."""
        if runner.iter == self._begin_at:
            self.gain.start()
        done = runner.iter - self._begin_at
        guided = done >= 0 and done % self._interval == 0
        self._strength = min(1.0, (done + 1) / (self._grow_over + 1)) if guided else 0.0
        self.gain.generator.manual_seed(abs(hash((runner.seed, get_rank(), runner.iter))))

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Look whether the host gets worse."""
        if hasattr(self, 'gain'):
            self._falling.look(runner, metrics or {}, guided=runner.iter > self._begin_at)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Tell once that masks were asked for, and none came in as many photos as there are, or ten thousand."""
        enough = min(len(runner.train_loop.dataloader.dataset), MANY)
        if self._wants_masks and not self._masked and self._seen >= enough:
            self._masked = True
            runner.logger.warning(
                f'GAIN: ext_weight is given and none of {self._seen} photos had a mask: name masks=, or leave it out'
            )

    def after_train(self, runner: Runner) -> None:
        """Leave the host as it was."""
        self._stop_listening()
        del self.gain

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the scorer, which is no part of the host, where the checkpoint is one to resume from."""
        gain = getattr(self, 'gain', None)  # there only while training
        if gain is not None and gain.scorer.state_dict() and 'optimizer' in checkpoint:
            checkpoint['optimizer']['gain_scorer'] = gain.scorer.state_dict()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take the scorer of a checkpoint, to be used if training resumes from it."""
        if 'gain_judge' in checkpoint:
            raise ValueError(
                "the checkpoint is of gain_plugin 0.1, whose scorer ('gain_judge') has another form: finish its "
                'training with that version, or take its state_dict alone by load_from= after removing that key'
            )
        self._saved_scorer = checkpoint.get('optimizer', {}).pop('gain_scorer', None)

    def _suit_terms(self, runner: Runner, host: nn.Module) -> None:
        for term in self._open:
            if isinstance(term, GAINLoss) and trained_by_softmax(host):
                term.mining = 'softmax_ce'
                runner.logger.info("GAIN: the host is trained by cross entropy over its classes: mining='softmax_ce'")

    def _buildable(self, options: dict[str, Any]) -> dict[str, Any]:
        """``options`` with a scorer that may be given as a config."""
        scorer = options['scorer']
        return {**options, 'scorer': _maker(scorer) if isinstance(scorer, dict) else scorer}

    def _stop_listening(self) -> None:
        self._recorder.__exit__(None, None, None)
        while self._handles:
            self._handles.pop().remove()

    def _guides(self, host: nn.Module, args: tuple, kwargs: dict[str, Any]) -> bool:
        guided = self._strength > 0 and torch.is_grad_enabled()
        return guided and bound_arguments(host, args, kwargs).get('mode') == 'loss'

    def _begin(self, host: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        self._recorder.__exit__(None, None, None)  # Ctrl-C in the pass before has called no hook
        self._guiding = 0.0
        if self._guides(host, args, kwargs):
            # once an iteration: an error leaves nothing that guides
            self._guiding, self._strength = self._strength, 0.0
            self._recorder.__enter__()

    def _end(self, host: nn.Module, args: tuple, kwargs: dict[str, Any], output: Any) -> dict[str, Tensor] | None:
        self._recorder.__exit__(None, None, None)
        strength, self._guiding = self._guiding, 0.0
        if output is None or not strength:
            return None
        call = bound_arguments(host, args, kwargs)
        images, samples = call['inputs'], call['data_samples']
        features, scores = self.gain.read(self._recorder)
        masks = None if self._segmentor else masks_of(samples, images.shape[-2:])
        self._masked |= masks is not None
        labels = multi_hot(samples, scores.shape[1], self.ignored)
        step = self.gain.step(images, labels, features, scores, masks, strength=strength)
        losses = self.gain.losses(step)
        self._seen, self._shown = self._seen + len(images), self._shown + step.scored
        return {**output, **losses, **{f'gain/{name}': value for name, value in self.gain.health.items()}}


def _end_broken_off(host: nn.Module) -> None:
    """Take off what a training that an error or Ctrl-C ended has left on ``host``."""
    for listener in list(host._forward_hooks.values()):
        owner = getattr(listener, '__self__', None)
        if isinstance(owner, GAINHook):
            owner._stop_listening()


def _maker(config: dict[str, Any]) -> Any:
    def make(classifier: nn.Module) -> Scorer:
        return MODELS.build(config, default_args={'classifier': classifier})

    return make
