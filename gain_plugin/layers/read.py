"""Reading the grids of the layers of one model."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property

import torch
from torch import Tensor

from gain_plugin.layers.layout import Layout, layouts, size_of, tokens_between, unreadable
from gain_plugin.layers.places import PLACES, changed, of_the_image, upright
from gain_plugin.layers.probe import Output, Probe
from gain_plugin.recorder import INPUT


class Reader:
    """Finds out how the outputs of layers are read, by where they change when the image changes.

    Args:
        probe: has looked into the model.
        named: a layer that a person chose, for which less evidence is asked.
        inputs: read what goes into layers, too.

    Attributes:
        repeated: names of layers that fired more than once in a pass, and how often: their grids are not read.

    """

    def __init__(self, probe: Probe, named: str = '', *, inputs: bool = False) -> None:
        self.probe = probe
        self.named = named
        self.inputs = inputs
        self.size = size_of(probe.images)
        self.repeated = {name: n for name, n in Counter(output.name for output in probe.outputs).items() if n > 1}
        self.disordered: list[str] = []
        self._known: dict[str, Layout | None] = {}

    def layout(self, output: Output) -> Layout | None:
        """How an output is read; None where it has no grid that is larger than 1 x 1 and stands upright."""
        if output.name in self.repeated:
            return None
        if output.name not in self._known:
            self._known[output.name] = self._find(output)
        return self._known[output.name]

    def sure(self, output: Output) -> bool:
        """Whether its grid is seen to stand upright, and not only not seen to lie otherwise."""
        layout = self.layout(output)
        return layout is not None and bool(self._upright(output.name, layout))

    def learn(self, output: Output) -> Layout:
        """The layout of a target layer, and, of tokens, how their number follows from the size of the images.

        Raises:
            ValueError: it has no grid, or in another order than the image's.

        """
        layout = self.layout(output)
        if layout is None and output.name in self.disordered:
            raise ValueError(
                f'what layer {output.name!r} gives, {tuple(output.value.shape)}, lies in another order than the image: '
                'give reshape=, a function that makes it (N, C, h, w), or name another target_layer'
            )
        if layout is None:
            raise ValueError(unreadable(output.value, self.size))
        if 'T' in layout.form:
            self._learn_size(output, layout)
        return layout

    def lit(self, output: Output, gradient: Tensor, *, few: bool = False) -> bool:
        """Whether most cells have a gradient; or a ``few``, where a maximum over the grid is all that is scored."""
        layout = self.layout(output)
        if layout is None:
            return False
        lit = layout.to_grid(gradient, self.size) != 0
        if few and lit.sum() == gradient.count_nonzero():  # a class token that is scored, too, has more
            return bool(lit.any())
        return bool(lit.any(1).float().mean() > 0.5)

    def _find(self, output: Output) -> Layout | None:
        undecided = None
        for layout, proportional in self._options(output):
            if min(layout.grid) < 2 and not self.named:
                continue
            verdict = self._upright(output.name, layout)
            if verdict or (verdict is None and proportional):
                return layout
            if verdict is None:
                undecided = undecided or layout
            elif proportional and output.name not in self.disordered:
                self.disordered.append(output.name)
        return undecided if self.named else None

    def _options(self, output: Output) -> Iterator[tuple[Layout, bool]]:
        """Layouts, and whether the grid is known beside how it changes."""
        value, count = output.value, len(self.probe.images)
        if value.ndim == 4:
            yield from layouts(value, count, self.size)
        elif value.ndim == 3 and count in value.shape[:2] and value.shape[2] > 1:
            form = 'NTC' if value.shape[0] == count else 'TNC'
            place = self._tokens_of_the_image(value, form)
            if place is None:
                yield from layouts(value, count, self.size)
            place = place or slice(0, value.shape[form.index('T')])
            yield from ((layout, True) for layout in tokens_between(value, form, self.size, place, self._seen))

    def _tokens_of_the_image(self, value: Tensor, form: str) -> slice | None:
        """Which tokens are of the image, as the first layer tells that has as many, before attention mixes them."""
        count = value.shape[form.index('T')]
        for (_, known), change in self._changes.items():
            if known == form and change.shape[1] == count:
                return of_the_image(change)
        return None

    def _upright(self, name: str, layout: Layout) -> bool | None:
        change = self._changes.get((name, layout.form))
        if change is None:
            return None
        if 'T' in layout.form:
            change = change[:, layout.prefix : change.shape[1] - layout.suffix].unflatten(1, layout.grid)
        return upright(change)

    @cached_property
    def _changes(self) -> dict[tuple[str, str], Tensor]:
        """Mean squares of what changed in the output of a layer, read in a form, for each of ``PLACES``."""
        before = self._values(self.probe.outputs)
        found: dict[tuple[str, str], list[Tensor]] = {}
        for place in PLACES:
            outputs, _ = self.probe.look(changed(self.probe.images, *place))
            for name, after in self._values(outputs).items():
                if name in before and before[name].shape == after.shape and before[name].is_floating_point():
                    square = (after.detach() - before[name].detach()).square()
                    for form in _forms(after, len(self.probe.images)):
                        found.setdefault((name, form), []).append(_over_channels(square, form))
        return {key: torch.stack(maps) for key, maps in found.items() if len(maps) == len(PLACES)}

    @cached_property
    def _seen(self) -> set[tuple[int, int]]:
        return {size_of(o.value) for o in self.probe.outputs if o.value.ndim == 4 and min(size_of(o.value)) > 1}

    def _learn_size(self, output: Output, layout: Layout) -> None:
        images = self.probe.images.detach()
        try:
            outputs, _ = self.probe.look(torch.cat([images, images.flip(-1)], -1))
        except Exception:  # a model for images of one size
            return
        wide = self._values(outputs).get(output.name)
        if wide is None or wide.ndim != 3:
            return
        if wide.shape[2] != layout.channels:  # it is (N, C, h * w)
            raise ValueError(unreadable(output.value, self.size))
        layout.learn_size(wide.shape[layout.form.index('T')], (self.size[0], 2 * self.size[1]))

    def _values(self, outputs: Iterable[Output]) -> dict[str, Tensor]:
        """What layers gave, by their names, and what went into the one that is named so, or into all."""
        values = {output.name: output.value for output in outputs}
        inputs = {output.name + INPUT: output.input for output in outputs}
        wanted = {name: value for name, value in inputs.items() if self.inputs or name == self.named}
        return values | {name: value for name, value in wanted.items() if isinstance(value, Tensor)}


def _forms(value: Tensor, count: int) -> list[str]:
    if value.ndim == 4 and value.shape[0] == count:
        return ['NCHW', 'NHWC']
    if value.ndim == 3 and count in value.shape[:2]:
        return ['NTC' if value.shape[0] == count else 'TNC']
    return []


def _over_channels(square: Tensor, form: str) -> Tensor:
    return square.sum(form.index('C')).mean(0 if form != 'TNC' else 1)
