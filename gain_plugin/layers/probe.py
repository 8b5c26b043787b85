"""A look into a model by passes that leave no trace in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from gain_plugin.passes import pass_with, refuse_sharded


class Output(NamedTuple):
    """What a layer put out in a pass."""

    name: str
    layer: nn.Module
    input: object
    value: Tensor
    given: object  # the tensor, or the collection that it is the first one of
    version: int  # of the tensor: what follows may write into it


class ProbeError(ValueError):
    """The model takes no images as those it was shown."""


class Probe:
    """Passes over the same images, or others, with gradients down to these.

    Args:
        model: the classifier, which the caller has put into eval mode.
        kwargs: keyword arguments with which it gives scores.
        images: (N, C, H, W); None is noise.

    Attributes:
        images: a leaf with gradients.
        outputs: of all layers, in the order in which they ended.
        returned: what the model returned.
        writes_input: whether it writes into the images that it is given.

    """

    def __init__(self, model: nn.Module, kwargs: dict[str, Any], images: Tensor | None = None) -> None:
        _refuse(model, images)
        self.model = model
        self.kwargs = kwargs
        failure: tuple[Tensor, Exception] | None = None
        for shown in _noises(model) if images is None else [images.detach().clone()]:
            try:
                self.images = shown.requires_grad_()
                given = shown.clone()
                version = given._version
                self.outputs, self.returned = self.look(given)
            except Exception as error:  # whatever a model does to what does not fit it
                failure = failure or (shown, error)
            else:
                self.writes_input = given._version != version
                return
        if failure is not None:
            raise ProbeError(_failed(model, *failure)) from failure[1]

    def look(self, images: Tensor) -> tuple[list[Output], Any]:
        """Outputs of all layers for other images, and what the model returns."""
        outputs: list[Output] = []

        def keep(name: str, layer: nn.Module, args: tuple, output: object) -> None:
            tensor = tensor_of(output)
            if tensor is not None:
                outputs.append(Output(name, layer, tensor_of(args), tensor, output, tensor._version))

        with listening(self.model, keep), torch.enable_grad():  # encoders have a fast path without gradients
            returned = pass_with(self.model, _lit, (images,), self.kwargs)
        return outputs, returned


@contextmanager
def listening(model: nn.Module, keep: Callable[[str, nn.Module, tuple, object], None]) -> Iterator[None]:
    """Have ``keep`` called with name, layer, arguments and output of each layer that ends."""
    handles = [
        layer.register_forward_hook(_kept(keep, name, layer))
        for name, layer in model.named_modules()
        if name and not isinstance(layer, torch.jit.ScriptModule)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _kept(keep: Callable, name: str, layer: nn.Module) -> Callable[..., None]:
    def ended(fired: nn.Module, args: tuple, output: object) -> None:
        if fired is layer:  # and no copy that the model makes of it in its pass, which has its hooks
            keep(name, layer, args, output)

    return ended


def tensor_of(output: object) -> Tensor | None:
    """The features in what a layer gives: the tensor, or the first one of a collection, if there is any."""
    return next(iter(tensors_in(output)), None)


def tensors_in(output: object) -> list[Tensor]:
    """The tensors in what a layer gives."""
    return [leaf for leaf in tree_flatten(output)[0] if isinstance(leaf, Tensor)]


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Everything in eval mode, each module's own mode afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _lit(parameter: Tensor) -> Tensor:
    """A parameter as a leaf, where what is special about its first values does not hide what depends on it.

    Those are a head or a branch that begins at zero, and weights that are all alike: the mean of a class token behind a
    new LayerNorm is zero whatever the image.
    """
    parameter = parameter.detach()
    if not parameter.is_floating_point():
        return parameter
    lit = parameter if parameter.any() else torch.full_like(parameter, 0.01)
    if lit.numel() > 1 and (lit == lit[(0,) * lit.ndim]).all():
        lit = lit * torch.linspace(0.9, 1.1, lit.numel()).view_as(lit).to(lit)
    return lit.requires_grad_()


def _refuse(model: nn.Module, images: Tensor | None) -> None:
    if isinstance(model, torch.jit.ScriptModule):
        raise ValueError(
            'the model is scripted or traced by TorchScript, which hides its layers: build it from its Python code and '
            'load the weights of the scripted one, model.load_state_dict(scripted.state_dict())'
        )
    refuse_sharded(model)
    volumes = next((isinstance(m, nn.Conv3d) for m in model.modules() if isinstance(m, nn.Conv2d | nn.Conv3d)), False)
    if volumes or (images is not None and images.ndim == 5):
        raise ValueError(
            f'{type(model).__name__} is made for volumes or videos (N, C, D, H, W), and maps are of images '
            '(N, C, H, W): give it slices or frames'
        )


def _noises(model: nn.Module) -> Iterator[Tensor]:
    """One small noise image of the size and the channels that the model, or a part of it, says it is made for."""
    size = next(_sizes(model), (224, 224))
    own = next((module.in_channels for module in model.modules() if isinstance(module, nn.Conv2d)), 3)
    like = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
    for channels in dict.fromkeys((own, 3)):  # the first convolution is not always on the image
        noise = torch.randn(1, channels, *size, generator=torch.Generator().manual_seed(0))
        yield (0.1 * noise).to(like)


def _sizes(model: nn.Module) -> Iterator[tuple[int, int]]:
    """Sizes of images that modules say they are made for."""
    modules = list(model.modules())
    said: list[Any] = [getattr(module, name, None) for name in ('img_size', 'image_size') for module in modules]
    said += [(getattr(module, 'pretrained_cfg', None) or {}).get('input_size', ())[1:] for module in modules]
    for size in said:
        if isinstance(size, int) and size > 0:
            yield size, size
        elif isinstance(size, list | tuple) and len(size) == 2 and all(isinstance(side, int) for side in size):
            yield size[0], size[1]


def _failed(model: nn.Module, images: Tensor, error: Exception) -> str:
    said = ' '.join(str(error).split())
    first = isinstance(error, TypeError) and 'required' in said
    return (
        f'{type(model).__name__} failed on a probing image {tuple(images.shape)}, so its layers cannot be found '
        f'({said}): give what it wants beside an image as score_kwargs=, which inputs= of a step replaces'
        f'{"; wrap it, if it takes something before the images, in a module that takes them first" if first else ""}; '
        'or name target_layer and score_layer; or give find_layers images= of a real batch'
    )
