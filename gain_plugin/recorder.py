"""Outputs of named layers, with their graph, only while recording."""

import difflib
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

INPUT = ':input'


class Recorder:
    """Context manager that keeps what the named layers of a model put out during the pass inside the ``with``.

    Outside of it the model carries no hook. A layer that fires more than once is kept as it fired last.

    Args:
        model: the model.
        *names: names of its layers as in ``model.named_modules()``; ``''`` is the model itself. With ``':input'`` at
            the end of a name, what goes into the layer is kept instead.
        graph_from: a layer at which the graph begins: what lies below runs without one, as for evaluation.
        twice_from: a layer from which on the graph is to be differentiated twice. Fused attention cannot be: there the
            math kernel takes its place.

    Raises:
        ValueError: a layer that the model does not have (the message has the closest names), or, when a record is
            asked for, one that did not fire or did not give a tensor.

    """

    def __init__(
        self, model: nn.Module, *names: str, graph_from: str | None = None, twice_from: str | None = None
    ) -> None:
        self._layers = {name: get_layer(model, name) for name in names}
        self._graph_from = graph_from
        self._twice_from = twice_from
        self._kernels = ExitStack()
        self._outputs: dict[str, object] = {}
        self._handles: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> 'Recorder':
        self._outputs.clear()
        for name, layer in self._layers.items():
            keep = self._hook(name)
            if name.endswith(INPUT):
                handle = layer.register_forward_pre_hook(lambda layer, args, keep=keep: keep(layer, args, args[0]))
            else:
                handle = layer.register_forward_hook(keep)
            self._handles.append(handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kernels.close()
        while self._handles:
            self._handles.pop().remove()

    def __getitem__(self, name: str) -> Tensor:
        output = self._outputs.get(name)
        if isinstance(output, Tensor):
            return output
        if name in self._outputs:
            raise ValueError(f'layer {name!r} gave a {type(output).__name__}, not a tensor: name a layer inside it')
        raise ValueError(
            f'layer {name!r} did not fire in the forward pass: name one that is called itself '
            '(a stage may run only its blocks, a head only its last layer)'
        )

    def _hook(self, name: str) -> Callable[[nn.Module, tuple, object], Tensor | None]:
        def keep(layer: nn.Module, args: tuple, output: object) -> Tensor | None:
            self._outputs[name] = output
            if name == self._twice_from:
                self._kernels.enter_context(sdpa_kernel(SDPBackend.MATH))
            if name != self._graph_from or not isinstance(output, Tensor):
                return None
            torch.set_grad_enabled(True)  # the caller's no_grad() ends it
            self._outputs[name] = leaf = output.detach().requires_grad_()
            return leaf.clone()  # what follows may work in place

        return keep


def get_layer(model: nn.Module, name: str) -> nn.Module:
    """The layer of that name, with or without ``':input'``; a ValueError names the closest ones where there is none."""
    layers = dict(model.named_modules())
    name = name.removesuffix(INPUT)
    if name not in layers:
        close = difflib.get_close_matches(name, layers, n=3) or list(layers)[-3:]
        raise ValueError(f'{type(model).__name__} has no layer {name!r}; closest: {", ".join(map(repr, close))}')
    return layers[name]
