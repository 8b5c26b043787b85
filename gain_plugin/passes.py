"""Passes through a model that leave no trace in it."""

import random
import threading
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.func import functional_call

_CONTAINERS = (dict, OrderedDict, defaultdict, list, set, deque)
_OF_TORCH = {*vars(nn.Module())} - {'training', '_parameters', '_buffers', '_modules'}  # hooks and the like


_LOCKS: 'WeakKeyDictionary[nn.Module, threading.RLock]' = WeakKeyDictionary()


def one_at_a_time(model: nn.Module) -> Any:
    """The lock of a model: its parameters are replaced for a while, which a pass of another thread must not see."""
    return _LOCKS.setdefault(model, threading.RLock())


def pass_with(
    model: nn.Module,
    replace: Callable[[Tensor], Tensor],
    args: tuple,
    kwargs: dict[str, Any] | None = None,
) -> Any:
    """What ``model`` puts out with other parameters, ``replace(parameter)``, and with copies of its buffers.

    Each module has its tensors replaced once, under its first name: public code registers modules under two
    (``self.stage1``, and again in a list), and what is put in place twice is taken out again wrongly. What modules
    share, they share here, too. The model is left as ``no_trace`` leaves it.
    """
    made: dict[int, Tensor] = {}
    state = {}
    for prefix, module in model.named_modules():
        start = f'{prefix}.' if prefix else ''
        # the replicas of DataParallel have theirs apart
        parameters = getattr(module, '_former_parameters', module._parameters)
        for name, parameter in parameters.items():
            if parameter is not None:
                state[start + name] = made.setdefault(id(parameter), replace(parameter))
        for name, buffer in module._buffers.items():
            if buffer is not None:
                state[start + name] = made.setdefault(id(buffer), buffer.clone())
    with no_trace(model):
        return functional_call(model, state, args, kwargs, tie_weights=False)


def refuse_sharded(model: nn.Module) -> None:
    """Raise a ValueError for a model whose parameters FSDP, old or new, keeps in parts."""
    if not (distributed.is_available() and distributed.is_initialized()):  # which sharding needs
        return
    if any(getattr(module, '_is_fsdp_managed_module', False) for module in model.modules()):
        raise ValueError(
            f'{type(model).__name__} is sharded by FSDP, which frees its parameters between the passes that maps need '
            "(second derivatives, passes with other parameters): take torch's DistributedDataParallel around GAIN, "
            'with ZeroRedundancyOptimizer if memory is short'
        )


def as_it_is(parameter: Tensor) -> Tensor:
    """The parameter itself, as what takes its place."""
    return parameter


def of_images(inputs: Mapping[str, Any], image: Tensor, count: int) -> dict[str, Any]:
    """``inputs`` for the images at the places ``image`` (P,) of a batch of ``count``."""
    return {
        name: value[image] if isinstance(value, Tensor) and value.ndim and len(value) == count else value
        for name, value in inputs.items()
    }


@contextmanager
def no_trace(model: nn.Module) -> Iterator[None]:
    """Afterwards the attributes of all modules and the random state are as before.

    Attributes are losses that a model keeps, results of its last pass, modes, weights that hooks make, and what lists
    and dicts among them hold. What is written into parameters and registered buffers stays; ``pass_with`` has copies
    of these.
    """
    states = random.getstate(), np.random.get_state()
    kept: list[tuple[Any, Any, Any]] = []
    seen: set[int] = set()
    for module in model.modules():
        kept.append((vars(module), vars(module).copy(), _marks(vars(module))))
        for name, value in vars(module).items():
            if name not in _OF_TORCH:
                _keep(value, kept, seen, inside=name in ('_parameters', '_buffers', '_modules'))
    try:
        with torch.random.fork_rng(_devices(model)):
            yield
    finally:
        for value, before, marks in kept:
            if _marks(value) != marks:  # compiled parts look at whether the dicts of their modules were touched
                _restore(value, before)
        random.setstate(states[0])
        np.random.set_state(states[1])


def _keep(value: Any, kept: list[tuple[Any, Any, Any]], seen: set[int], *, inside: bool = False) -> None:
    """Keep what ``value`` holds, if it is a container or a tensor; what is ``inside`` it is not looked at."""
    if type(value) in _CONTAINERS and id(value) not in seen:
        seen.add(id(value))
        kept.append((value, value.copy(), _marks(value)))
        if not inside:
            for entry in value.values() if isinstance(value, dict) else value:
                _keep(entry, kept, seen)
    elif type(value) is Tensor and value.is_leaf and not value.is_inference() and id(value) not in seen:
        seen.add(id(value))
        kept.append((value, value.detach().clone(), _marks(value)))


def _marks(value: Any) -> Any:
    """What tells that something was put into a container or written into a tensor."""
    if isinstance(value, Tensor):
        return value._version
    if isinstance(value, dict):
        return list(value), list(map(id, value.values()))
    return list(map(id, value))


def _restore(value: Any, before: Any) -> None:
    if isinstance(value, Tensor):
        value.detach().copy_(before)
        return
    value.clear()
    (value.extend if isinstance(value, list | deque) else value.update)(before)


def _devices(model: nn.Module) -> list[torch.device]:
    return list({parameter.device for parameter in model.parameters() if parameter.device.type == 'cuda'})
