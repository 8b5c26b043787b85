"""Passes through a model that leave no trace in it."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call


def pass_with(
    model: nn.Module,
    replace: Callable[[Tensor], Tensor],
    args: tuple,
    kwargs: dict[str, Any] | None = None,
) -> Any:
    """What ``model`` puts out with other parameters, ``replace(parameter)``, and with copies of its buffers.

    Each module has its tensors replaced once, under its first name: public code registers modules under two
    (``self.stage1``, and again in a list), and what is put in place twice is taken out again wrongly. What modules
    share, they share here, too.
    """
    made: dict[int, Tensor] = {}
    state = {}
    for prefix, module in model.named_modules():
        for name, parameter in module.named_parameters(prefix, recurse=False):
            state[name] = made.setdefault(id(parameter), replace(parameter))
        for name, buffer in module.named_buffers(prefix, recurse=False):
            state[name] = made.setdefault(id(buffer), buffer.clone())
    return functional_call(model, state, args, kwargs, tie_weights=False)
