"""Classifiers that cannot be guided, told before training."""

import logging
import warnings
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gain_plugin.scorers import Detached, Scorer, Shared


def refuse_compiled(classifier: nn.Module) -> None:
    """Raise a ValueError for a classifier that is compiled or scripted as a whole."""
    if (
        isinstance(classifier, torch._dynamo.OptimizedModule)
        or getattr(classifier, '_compiled_call_impl', None) is not None
    ):
        raise ValueError(
            'torch.compile of the whole classifier cannot differentiate twice: '
            'compile the stages below the target layer instead and leave the head eager'
        )


def recomputes(classifier: nn.Module) -> bool:
    """Whether a classifier says that it uses gradient checkpointing."""
    flags = ('grad_checkpointing', 'with_cp')
    return any(getattr(module, flag, False) is True for module in classifier.modules() for flag in flags)


def refuse_checkpointing(classifier: nn.Module, scorer: Scorer, second_order: bool) -> None:
    """Raise a ValueError where what checkpointing computes again in the backward pass would not be what it was."""
    if isinstance(scorer, Shared | Detached):
        raise ValueError(
            f'gradient checkpointing would compute the erased images of scorer={type(scorer).__name__.lower()!r} again '
            "with the running statistics of the classifier: take scorer='frozen' or 'ema', or switch checkpointing off"
        )
    if second_order and any(getattr(module, 'fused_attn', False) for module in classifier.modules()):
        raise ValueError(
            'gradient checkpointing of fused attention cannot be differentiated twice: take second_order=False, '
            'or switch either off (checkpointing, or timm.layers.set_fused_attn(False) before the model is built)'
        )


def refuse_chunks(classifier: nn.Module, scorer: Scorer) -> None:
    """Raise a ValueError where parts of the erased images would be normalised by their own statistics."""
    norms = [name for name, module in classifier.named_modules() if isinstance(module, _BatchNorm)]
    if norms and isinstance(scorer, Shared | Detached):
        raise ValueError(
            f'chunk_size changes what the batch norm {norms[0]!r} makes of the erased images under '
            f"scorer={type(scorer).__name__.lower()!r}: take scorer='frozen' or 'ema', or leave chunk_size out"
        )


@cache
def tell_of_scorers() -> None:
    """Say in the log, once a process, which scorer is taken where none is named."""
    logging.getLogger('gain_plugin').warning(
        "GAIN: scorer= is not named, so the classifier itself scores the erased images ('detached'). On photos "
        "scorer='frozen' gained more: train plain first, then build GAIN(classifier, scorer='frozen', one_class=True); "
        "'ema' was about as good (docs/evidence.md)"
    )


def warn_of_cut(layer: str) -> None:
    """Warn of a classifier in which no gradient leads from its scores to the images."""
    place = f'behind layer {layer!r}' if layer else 'before the first layer'
    warnings.warn(
        f'no gradient leads from the scores back to the images: detach() or no_grad() cuts it {place}. Maps are right, '
        'but loss_am is a constant and guides nothing: take the cut out, or give a scorer= without it',
        stacklevel=3,
    )


def refuse_first_order(maps: Tensor, features: Tensor) -> None:
    """Raise a ValueError where an operator between ``features`` and the scores has no second derivative."""
    try:
        weights = _parameters_behind(maps, features)
        torch.autograd.grad(maps.sum(), [features, *weights], retain_graph=True, allow_unused=True)
    except RuntimeError as error:
        if 'twice' not in str(error) and 'double backward' not in str(error) and 'not implemented' not in str(error):
            raise
        raise ValueError(
            f'an operator behind the target layer cannot be differentiated twice ({error}): take second_order=False'
        ) from error


def _parameters_behind(maps: Tensor, features: Tensor) -> list[Tensor]:
    """Parameters that ``maps`` depend on other than by ``features``."""
    seen, stack, found = {features.grad_fn}, [maps.grad_fn], []
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, 'variable'):
            found.append(node.variable)
        stack.extend(child for child, _ in node.next_functions)
    return found
