"""The scorers of erased images, one Python class each."""

import copy
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from gain_plugin.passes import as_it_is
from gain_plugin.settings import is_number

if TYPE_CHECKING:
    from gain_plugin.cam import CAM


class Scorer(nn.Module):
    """Scores erased images, with the graph to the images.

    Its state is kept in checkpoints. A scorer of one's own is a subclass that is built with the classifier.
    """

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()

    def start(self, classifier: nn.Module) -> None:
        """Guidance begins now, as after a warm-up; told to the scorers that this one is made of."""
        for part in _parts(self):
            part.start(classifier)

    def update(self, classifier: nn.Module) -> None:
        """A guided training step begins; told to the scorers that this one is made of."""
        for part in _parts(self):
            part.update(classifier)

    def forward(self, cam: 'CAM', images: Tensor, inputs: dict[str, Any]) -> Tensor:
        """(P, K) scores of erased ``images`` (P, C, H, W).

        Args:
            cam: knows how scores are read; ``cam.classifier`` is the classifier as it is now.
            images: erased images.
            inputs: keyword arguments of the classifier for these images.

        """
        raise NotImplementedError(f'{type(self).__name__} needs forward(cam, images, inputs)')


class Shared(Scorer):
    """The classifier, as in the paper: it may also learn to score half-hidden objects low."""

    def forward(self, cam: 'CAM', images: Tensor, inputs: dict[str, Any]) -> Tensor:
        """As ``Scorer``; running statistics are those of a copy."""
        return cam.score(cam.classifier, images, inputs, as_it_is)


class Detached(Scorer):
    """The classifier without gradients to its weights, which closes the way out of scoring hidden objects low."""

    def forward(self, cam: 'CAM', images: Tensor, inputs: dict[str, Any]) -> Tensor:
        """As ``Scorer``; running statistics are those of a copy."""
        return cam.score(cam.classifier, images, inputs, torch.detach)


class Frozen(Scorer):
    """A copy of the classifier as it is when guidance begins, in eval mode. Train the classifier first."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__(classifier)
        self.model = copy_of(classifier)
        self.model.requires_grad_(False)
        self.model.eval()  # no chain: public code overrides train() and returns nothing

    def start(self, classifier: nn.Module) -> None:
        """Become a copy of the classifier as it is now."""
        self.model.load_state_dict(classifier.state_dict())

    def forward(self, cam: 'CAM', images: Tensor, inputs: dict[str, Any]) -> Tensor:
        """As ``Scorer``; its weights get no gradient, whatever ``requires_grad_`` was called on."""
        return cam.score(self.model, images, inputs, torch.detach)

    def train(self, mode: bool = True) -> 'Frozen':
        """Stay in eval mode."""
        return super().train(False)


class EMA(Scorer):
    """A moving average of the classifier, buffers included, in eval mode.

    Args:
        classifier: the classifier.
        decay: weight of the average in each step.

    """

    def __init__(self, classifier: nn.Module, decay: float = 0.999) -> None:
        super().__init__(classifier)
        if not is_number(decay) or not 0 <= decay <= 1:
            raise ValueError(f'decay must be in 0..1, got {decay!r}')
        average = partial(_average, decay=decay)  # what get_ema_multi_avg_fn gives cannot be pickled
        self.average = AveragedModel(copy_of(classifier), multi_avg_fn=average, use_buffers=True)
        self.average.requires_grad_(False).eval()

    def start(self, classifier: nn.Module) -> None:
        """Begin the average anew."""
        self.average.n_averaged.zero_()

    def update(self, classifier: nn.Module) -> None:
        """Take in the classifier as it is now."""
        if getattr(classifier, '_is_replica', False):
            raise ValueError("nn.DataParallel loses the moving average of scorer='ema': take 'frozen', or torch's DDP")
        self.average.update_parameters(classifier)

    def forward(self, cam: 'CAM', images: Tensor, inputs: dict[str, Any]) -> Tensor:
        """As ``Scorer``."""
        return cam.score(self.average.module, images, inputs, torch.detach)

    def train(self, mode: bool = True) -> 'EMA':
        """Stay in eval mode."""
        return super().train(False)


SCORERS: dict[str, type[Scorer]] = {'shared': Shared, 'detached': Detached, 'frozen': Frozen, 'ema': EMA}


def _parts(module: nn.Module) -> Iterator[Scorer]:
    """The scorers that a module is made of, also those in lists; not what these are made of."""
    for child in module.children():
        if isinstance(child, Scorer):
            yield child
        elif isinstance(child, nn.ModuleList | nn.ModuleDict):
            yield from _parts(child)


def copy_of(model: nn.Module) -> nn.Module:
    """A deep copy, also of a model that keeps results of its last pass, as weight_norm does; those lose their graph."""
    memo: dict[int, Any] = {}
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, Tensor) and not value.is_leaf:
                memo[id(value)] = value.detach().clone()
    return copy.deepcopy(model, memo)


def _average(averaged: list[Tensor], current: list[Tensor], count: Tensor, decay: float) -> None:
    get_ema_multi_avg_fn(decay)(averaged, current, count)
