"""The search for the target layer and the score layer of a classifier."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from gain_plugin.layers.candidates import (
    SHALLOW,
    activated,
    candidates_of,
    choose,
    common_input,
    of_branches,
    relu_follows,
    repeated_views,
    share_below,
)
from gain_plugin.layers.graph import last_activation
from gain_plugin.layers.layout import Layout
from gain_plugin.layers.probe import Output, Probe, eval_mode
from gain_plugin.layers.read import Reader
from gain_plugin.layers.refusals import cut_of, fired, no_scores, none_found, refuse_unlit
from gain_plugin.layers.scores import read_scores
from gain_plugin.passes import no_trace
from gain_plugin.recorder import INPUT, RELU


class Grid(NamedTuple):
    """A layer that could be the target layer, the shape of what it gives for one image, and the grid in it."""

    name: str
    shape: tuple[int, ...]
    height: int
    width: int


class Layers(NamedTuple):
    """What ``find_layers`` finds.

    Attributes:
        target: name of the target layer, as in ``named_modules()``, or as it was given.
        score: name of the score layer, ``''`` for the model itself.
        layout: how the grid of the target layer is read; None beside a ``reshape``.
        grids: the grids to choose from, one of each size, of the last such layer.
        classes: K, the number of scores.
        image_size: (H, W) of the images for which they were found.
        share: in 0..1, layers with weights that ended up to the target layer, of all that took part.
        writes_input: whether the model writes into the images that it is given.
        cut: the layer behind which no gradient leads from the scores back to the images, through ``detach()`` or
            ``no_grad()``; ``''`` where it is cut before any layer, None where it is not cut. Maps are right all the
            same, but what erased images score says nothing to them.
        recomputes: whether layers run again in the backward pass, as with checkpointing; only known where the target
            layer was searched.

    """

    target: str
    score: str
    layout: Layout | None
    grids: list[Grid]
    classes: int
    image_size: tuple[int, int]
    share: float
    writes_input: bool
    cut: str | None
    recomputes: bool


def find_layers(
    model: nn.Module,
    score_kwargs: dict[str, Any] | None = None,
    *,
    target_layer: str | None = None,
    score_layer: str | None = None,
    scores: Callable[[Any], Tensor] | None = None,
    reshape: Callable[[Tensor], Tensor] | None = None,
    images: Tensor | None = None,
) -> Layers:
    """The target layer and the score layer of a classifier, as far as they are not named, and what there is to know.

    The score layer is the innermost one whose output is what the model returns. The target layer is the last one

    * whose output has a grid larger than 1 x 1 and is no pooling: the paper's choice, 14 x 14 for VGG at 224;
    * whose cells have a gradient, which patch tokens have not behind the last attention of a class token;
    * whose cells lie as in the image: what changes in them is where the image changed;
    * which runs once in a pass;
    * through which everything passes that the scores learn of the image, so that it is no branch. Where branches meet
      in the scores alone, as in CrossViT, it is the last of any branch.

    In front of the last attention of a class token it is the norm of that attention.

    Args:
        model: the classifier, left as it is.
        score_kwargs: keyword arguments with which it gives scores.
        target_layer: a name in ``named_modules()``; with ``':input'`` what goes into that layer, with ``':relu'`` what
            a ReLU behind it makes of what it gives; None is searched.
        score_layer: a name, ``''`` for the model itself; None is searched.
        scores: takes the scores (N, K), before any sigmoid or softmax, out of what the score layer gives, where
            ``read_scores`` cannot.
        reshape: brings what a named target layer gives into (N, C, h, w), where no layout can be learnt.
        images: (N, C, H, W) of a real batch to look with; None is noise.

    Raises:
        ValueError: scores that are not (N, K) or come out of a sigmoid or softmax; no such layer; a named one without a
            grid, that fires not once, or that the scores do not depend on. The message says what to do.

    Warns:
        UserWarning: a target layer was found with hardly any of the network below it.

    """
    with _probing(model, score_kwargs, images) as probe:
        given = _scores_of(probe, score_layer or '', scores)
        reader = Reader(probe, named=target_layer or '')
        if target_layer is None:
            _refuse_headless(model, given)
            candidates, recomputes = candidates_of(probe, given, reader)
            target, reader = _search(probe, given, reader, candidates)
        else:
            target, recomputes = _once(probe, target_layer), False
            if target_layer.endswith(RELU) and not relu_follows(probe, target, given):
                raise ValueError(f'{target_layer!r}: what this layer gives does not go into a ReLU alone')
            candidates = [target]
        layout = reader.learn(target) if reshape is None else None
        if target_layer is not None:
            refuse_unlit(target, given, layout, reader.size)
        found = Layers(
            target=activated(probe, target, given).name if target_layer is None else target_layer,
            score=_score_layer(probe, given) if score_layer is None and scores is None else score_layer or '',
            layout=layout,
            grids=_grids([*candidates, target], reader),
            classes=given.shape[1],
            image_size=reader.size,
            share=share_below(probe.outputs, target),
            writes_input=probe.writes_input,
            cut=cut_of(probe, given),
            recomputes=recomputes,
        )
    if target_layer is None and found.share < SHALLOW:
        warnings.warn(
            f'the target layer found in {type(model).__name__}, {found.target!r}, has only {found.share:.0%} of the '
            'layers with weights below it, so that its maps know little of objects: name a later target_layer',
            stacklevel=2,
        )
    return found


@contextmanager
def _probing(model: nn.Module, kwargs: dict[str, Any] | None, images: Tensor | None) -> Iterator[Probe]:
    with no_trace(model), eval_mode(model), torch.inference_mode(False), torch.enable_grad():
        yield Probe(model, kwargs or {}, images)  # up to the last gradient: checkpointed layers run again for it


def _scores_of(probe: Probe, layer: str, scores: Callable[[Any], Tensor] | None) -> Tensor:
    output = _once(probe, layer).given if layer else probe.returned
    given = scores(output) if scores else read_scores(output)
    name = type(probe.model).__name__
    if not isinstance(given, Tensor) or given.ndim != 2:
        raise ValueError(no_scores(name, tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__))
    if last_activation(given) and not scores:
        raise ValueError(
            f'the scores of {name} come out of a {last_activation(given)}, and maps and loss_am are of the logits that '
            'go into it: return these, or name the score_layer that gives them'
        )
    return given


def _refuse_headless(model: nn.Module, scores: Tensor) -> None:
    if getattr(model, 'num_classes', None) == 0:
        raise ValueError(no_scores(type(model).__name__, tuple(scores.shape)))


def _search(probe: Probe, scores: Tensor, reader: Reader, candidates: list[Output]) -> tuple[Output, Reader]:
    """The target layer, and what reads it."""
    if not candidates:
        raise ValueError(none_found(probe, scores, reader))
    candidates_reader = reader
    target = choose(probe, scores, candidates)
    repeated = repeated_views(probe, scores, reader)
    # the layers of a Siamese network fire for each view: what fires once may lie far in front of them
    if repeated and share_below(probe.outputs, target) < share_below(probe.outputs, repeated) / 2:
        raise ValueError(fired(repeated.name, reader.repeated[repeated.name]))
    if share_below(probe.outputs, target) < SHALLOW:
        of_inputs = Reader(probe, inputs=True)
        deeper = common_input(probe, scores, of_inputs)
        if deeper and share_below(probe.outputs, deeper) > share_below(probe.outputs, target):
            target, reader = deeper, of_inputs
    if share_below(probe.outputs, target) < SHALLOW:
        branch = of_branches(probe, scores, candidates, candidates_reader, target)
        if branch is not target:
            target, reader = branch, candidates_reader
    norms = [o for o in candidates if o.input is target.value and 'Norm' in type(o.layer).__name__]
    return next((norm for norm in norms if norm.value.ndim == 3), target), reader


def _once(probe: Probe, name: str) -> Output:
    """What the layer of that name gave, or with ``':input'`` was given, in its only pass."""
    found = [output for output in probe.outputs if output.name == name.removesuffix(INPUT).removesuffix(RELU)]
    if name.endswith(INPUT):
        found = [o._replace(name=name, value=o.input, given=o.input) for o in found if isinstance(o.input, Tensor)]
    if len(found) != 1:
        raise ValueError(fired(name, len(found)))
    return found[0]


def _score_layer(probe: Probe, scores: Tensor) -> str:
    returned = probe.returned if isinstance(probe.returned, Tensor) else scores
    return next((output.name for output in probe.outputs if output.value is returned), '')


def _grids(outputs: list[Output], reader: Reader) -> list[Grid]:
    grids = {}
    for output in outputs:
        layout = reader.layout(output)
        if layout:
            grids[layout.grid] = Grid(output.name, tuple(output.value.shape), *layout.grid)
    return list(grids.values())
