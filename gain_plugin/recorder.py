"""Outputs of named layers, with their graph, only while recording."""

import difflib
import threading
import weakref
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from gain_plugin.passes import refuse_sharded

INPUT = ':input'
RELU = ':relu'


class Recorder:
    """Context manager that keeps what the named layers of a model put out during the pass inside the ``with``.

    Outside of it the model carries no hook. Of a tuple or another collection that a layer gives, its first tensor is
    kept. What is kept stays as the layer gave it, also where the next layer works in place. Passes that other threads
    make meanwhile are not looked at.

    Args:
        model: the model.
        *names: names of its layers as in ``model.named_modules()``; ``''`` is the model itself. With ``':input'`` at
            the end of a name, what goes into the layer is kept instead; with ``':relu'``, what a ReLU that follows and
            is no layer of its own makes of the output.
        whole: a name among them whose output is kept as it is, collection or not.
        graph_from: a layer at which the graph begins: what lies below runs without one, as for evaluation.
        twice_from: a layer from which on the graph is to be differentiated twice. Fused attention cannot be: there the
            math kernel takes its place. A frozen network below it is no hindrance, the graph then begins there.

    Raises:
        ValueError: a model sharded by FSDP, a layer that it does not have (the message has the closest names), or, when
            a record is asked for, one that did not fire, fired more than once or did not give a tensor.

    """

    def __init__(
        self,
        model: nn.Module,
        *names: str,
        whole: str | None = None,
        graph_from: str | None = None,
        twice_from: str | None = None,
    ) -> None:
        refuse_sharded(model)  # here, too, for it may be sharded after GAIN was built around it
        self._layers = {name: get_layer(model, name) for name in names}
        self._whole = whole
        self._graph_from = graph_from
        self._twice_from = twice_from
        self._kernels = ExitStack()
        self._outputs: dict[str, list[Any]] = {}
        self._handles: list[torch.utils.hooks.RemovableHandle] = []
        self._thread: int | None = None  # nothing is kept

    def __enter__(self) -> 'Recorder':
        self.__exit__(None, None, None)
        self._outputs.clear()
        for layer in self._layers.values():
            _remove_ended(layer)
        for name, layer in self._layers.items():
            self._handles.append(self._listen(name, layer))
        self._thread = threading.get_ident()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread = None
        self._kernels.close()
        while self._handles:
            self._handles.pop().remove()

    def __getitem__(self, name: str) -> Any:
        kept = self._outputs.get(name, [])
        if not kept:
            raise ValueError(
                f'layer {name!r} did not fire in the forward pass: name one that is called itself '
                '(a stage may run only its blocks, a head only its last layer)'
            )
        if len(kept) > 1:
            raise ValueError(
                f'layer {name!r} fired {len(kept)} times in one forward pass, more than once, so it is open which '
                'image its map would be of: name a layer that fires once, or record the pass over the images alone'
            )
        if name != self._whole and not isinstance(kept[0], Tensor):
            raise ValueError(f'layer {name!r} gave a {type(kept[0]).__name__}, not a tensor: name a layer inside it')
        return kept[0]

    def _listen(self, name: str, layer: nn.Module) -> torch.utils.hooks.RemovableHandle:
        made = _rectified if name.endswith(RELU) else lambda output: output
        owner = weakref.ref(self)  # if Ctrl-C comes just before ``__exit__``, it is gone with the frame that had it

        def take(fired: nn.Module, args: Any, output: Any = None) -> Any:
            given, recorder = args if name.endswith(INPUT) else output, owner()
            # a copy that the model makes of the layer in its pass has the hook, too
            return given if recorder is None or fired is not layer else recorder._keep(name, made(given))

        take.recorder = owner  # type: ignore[attr-defined]
        if name.endswith(INPUT):
            return layer.register_forward_pre_hook(take)
        return layer.register_forward_hook(take)

    def _keep(self, name: str, value: Any) -> Any:
        """Keep what a layer gave, and return what goes on in its place."""
        if threading.get_ident() != self._thread:
            return value
        if name == self._twice_from:
            self._kernels.enter_context(_math_attention())
        if name == self._graph_from:
            torch.set_grad_enabled(True)  # the caller's no_grad() ends it
        if name == self._whole and not name.endswith(INPUT) and not isinstance(value, Tensor):
            self._outputs.setdefault(name, []).append(value)
            return value
        kept, passed_on = _first_tensor(value, begin=name == self._graph_from, needs=name == self._twice_from)
        self._outputs.setdefault(name, []).append(kept)
        return passed_on


def get_layer(model: nn.Module, name: str) -> nn.Module:
    """The layer of that name, whatever its ending; a ValueError names the closest ones where there is none."""
    if not isinstance(name, str):
        raise ValueError(f'a layer must be named as in named_modules(), got {name!r}')
    name = name.removesuffix(INPUT).removesuffix(RELU)
    layer: nn.Module | None = model
    for part in name.split('.') if name else ():
        layer = None if layer is None else layer._modules.get(part)
    if layer is None:
        layers = [own for own, _ in model.named_modules(remove_duplicate=False)]
        close = difflib.get_close_matches(name, layers, n=3) or layers[-3:]
        raise ValueError(f'{type(model).__name__} has no layer {name!r}; closest: {", ".join(map(repr, close))}')
    return layer


def _remove_ended(layer: nn.Module) -> None:
    """Take off what listens to a layer for a recorder that Ctrl-C has ended between two lines of its own."""
    for hooks in (layer._forward_hooks, layer._forward_pre_hooks):
        for key, hook in list(hooks.items()):
            owner = getattr(hook, 'recorder', None)
            recorder = owner and owner()
            if owner and (recorder is None or recorder._thread is None):
                del hooks[key]


def _rectified(output: Tensor) -> Tensor:
    """What a ReLU makes of it, but just above zero instead of zero: the ReLU that follows lets every gradient pass."""
    return output.clamp_min(6e-8 if output.dtype == torch.half else torch.finfo(output.dtype).tiny)


def _first_tensor(value: Any, *, begin: bool, needs: bool) -> tuple[Any, Any]:
    """The first tensor in ``value``, and ``value`` with a copy of it: what follows may work in place.

    The graph begins at it if it is to ``begin`` there, or ``needs`` one and has none.
    """
    if isinstance(value, Tensor):
        leaves, spec, place = [value], None, 0
    else:
        leaves, spec = tree_flatten(value)
        place = next((index for index, leaf in enumerate(leaves) if isinstance(leaf, Tensor)), -1)
        if place < 0:
            return value, value
    tensor = leaves[place]
    if begin or (needs and torch.is_grad_enabled() and not tensor.requires_grad):
        tensor = tensor.detach().requires_grad_()
    leaves[place] = tensor.clone()
    return tensor, leaves[0] if spec is None else tree_unflatten(leaves, spec)


def _math_attention() -> Any:
    """Context in which attention is computed by plain operators, which can be differentiated twice."""
    try:
        from torch.nn.attention import SDPBackend, sdpa_kernel
    except ImportError:  # torch 2.1 and 2.2
        return torch.backends.cuda.sdp_kernel(enable_flash=False, enable_mem_efficient=False)
    return sdpa_kernel(SDPBackend.MATH)
