"""How the features of one layer are read as a grid."""

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import Tensor

_MAX_PREFIX = 16  # class, distillation and register tokens, where nothing tells their number


@dataclass
class Layout:
    """How features of a layer are read as (N, C, h, w): learnt once, and held to in every later batch.

    Attributes:
        form: ``'NCHW'``, ``'NHWC'``, or tokens, ``'NTC'`` or ``'TNC'``.
        channels: C.
        grid: (h, w) for images of ``image_size``.
        image_size: (H, W).
        prefix: class, register or prompt tokens in front of the grid's.
        suffix: those behind.
        fixed: of tokens: the grid is the same for images of any size, as the model resizes them itself.
        stride: of tokens: pixels of a cell's (height, width).
        margin: of tokens: pixels of the (height, width) of an image that make no cell.

    """

    form: str
    channels: int
    grid: tuple[int, int]
    image_size: tuple[int, int]
    prefix: int = 0
    suffix: int = 0
    fixed: bool = False
    stride: tuple[float, float] = field(default=(0.0, 0.0))
    margin: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        if not any(self.stride):
            height, width = (pixels / cells for pixels, cells in zip(self.image_size, self.grid, strict=True))
            self.stride = height, width
        self._told = False

    def to_grid(self, features: Tensor, image_size: tuple[int, int]) -> Tensor:
        """Features as (N, C, h, w).

        Args:
            features: what the layer gives, in the same form as when the layout was learnt.
            image_size: (H, W) of the images.

        Raises:
            ValueError: features of another form, or another number of tokens than images of this size give.

        """
        if features.ndim != len(self.form) or features.shape[self.form.index('C')] != self.channels:
            raise ValueError(
                f'the target layer gives {tuple(features.shape)} for images of {_times(image_size)}, and was learnt as '
                f'{self.form} with {self.channels} channels: give reshape=, or name another target_layer'
            )
        grid = self._cells(features, image_size)
        if not self._told and grid.shape[-2:] == (1, 1):
            self._told = True
            warnings.warn(
                f'the target layer has a grid of 1 x 1 for images of {_times(image_size)}, so that each map erases all '
                'or nothing: name an earlier target_layer, or take larger images',
                stacklevel=2,
            )
        return grid

    def learn_size(self, count: int, image_size: tuple[int, int]) -> None:
        """Learn how the grid of tokens follows from the size of images, from images that are wider, but not higher.

        Args:
            count: number of tokens for these images.
            image_size: their (H, W).

        """
        (height, width), cells = self.grid, count - self.prefix - self.suffix
        self.fixed = cells == height * width
        wider = cells // height
        if not self.fixed and cells % height == 0 and width < wider < 3 * width:
            stride = (image_size[1] - self.image_size[1]) / (wider - width)
            of_height = stride * self.stride[0] / self.stride[1]
            self.margin = self.image_size[0] - of_height * height, self.image_size[1] - stride * width
            self.stride = of_height, stride

    def _cells(self, features: Tensor, image_size: tuple[int, int]) -> Tensor:
        if self.form == 'NCHW':
            return features
        if self.form == 'NHWC':
            return features.movedim(-1, 1)
        tokens = features.transpose(0, 1) if self.form == 'TNC' else features
        end = tokens.shape[1] - self.suffix
        for height, width in self._sizes(image_size):
            if height * width == end - self.prefix:
                return tokens[:, self.prefix : end].transpose(1, 2).unflatten(2, (height, width))
        expected = ' or '.join(sorted({_times(size) for size in self._sizes(image_size)}))
        extra = f' beside {self.prefix + self.suffix} others' if self.prefix + self.suffix else ''
        raise ValueError(
            f'the target layer gives {tokens.shape[1]} tokens for images of {_times(image_size)}, where a grid of '
            f'{expected}{extra} was expected from {_times(self.grid)} for {_times(self.image_size)}: keep the size of '
            'the images, or give reshape=, a function that makes them (N, C, h, w)'
        )

    def _sizes(self, image_size: tuple[int, int]) -> Iterator[tuple[int, int]]:
        """Grids of images of this size, in the order in which they are likely."""
        if self.fixed or tuple(image_size) == tuple(self.image_size):
            yield self.grid
            return
        sides = list(zip(image_size, self.margin, self.stride, strict=True))
        for rounded in (math.floor, math.ceil, round):  # stages pad, or cut off what fills no cell
            height, width = (max(1, rounded((side - margin) / stride)) for side, margin, stride in sides)
            yield height, width


def layouts(features: Tensor, count: int, image_size: tuple[int, int]) -> Iterator[tuple[Layout, bool]]:
    """Layouts that the shape of features allows, the likeliest first, and whether the grid has the image's proportion.

    Args:
        features: what a layer gives for ``count`` images.
        count: their number.
        image_size: (H, W).

    """
    if features.ndim == 4 and features.shape[0] == count:
        grids = {'NCHW': size_of(features), 'NHWC': (features.shape[1], features.shape[2])}
        exact = {form: _proportional(grid, image_size) for form, grid in grids.items()}
        for form in sorted(grids, key=lambda form: exact[form]):  # the same, then rounded, then another
            channels = features.shape[form.index('C')]
            yield Layout(form, channels, grids[form], image_size), exact[form] < 2
    if features.ndim == 3 and count in features.shape[:2] and features.shape[2] > 1:
        form = 'NTC' if features.shape[0] == count else 'TNC'
        yield from ((layout, True) for layout in _token_layouts(form, features, image_size))


def tokens_between(
    features: Tensor, form: str, image_size: tuple[int, int], place: slice, seen: set[tuple[int, int]]
) -> Iterator[Layout]:
    """Layouts of tokens of which those at ``place`` are the grid's; ``seen`` are grids (h, w) of other layers."""
    cells, behind = place.stop - place.start, features.shape[form.index('T')] - place.stop
    for grid in [*_grids_of(cells, image_size), *sorted(grid for grid in seen if grid[0] * grid[1] == cells)]:
        yield Layout(form, features.shape[2], grid, image_size, place.start, behind)


def layout_by_shape(features: Tensor, image_size: tuple[int, int]) -> Layout:
    """The layout of features (N, C, h, w), (N, h, w, C) or (N, prefix + h * w, C), with nothing known but their shape.

    The grid is told by its sides, which are in the image's proportion; ``find_layers`` looks closer. Tokens begin with
    class or register tokens, 16 at most.

    Args:
        features: what a layer gives.
        image_size: (H, W) of the images.

    Raises:
        ValueError: another form.

    """
    for layout, proportional in layouts(features, len(features), image_size):
        if proportional:
            return layout
    raise ValueError(unreadable(features, image_size))


def to_grid(features: Tensor, image_size: tuple[int, int]) -> Tensor:
    """Features as (N, C, h, w), read as ``layout_by_shape`` says."""
    return layout_by_shape(features, image_size).to_grid(features, image_size)


def unreadable(features: Tensor, image_size: tuple[int, int]) -> str:
    """What to say of features in which no grid is found."""
    return (
        f'cannot read a grid from {tuple(features.shape)} for images of {_times(image_size)}: '
        'give reshape=, a function that makes it (N, C, h, w), or name another target_layer'
    )


def size_of(images: Tensor) -> tuple[int, int]:
    """(H, W) of images, or of a grid, (N, C, H, W)."""
    return images.shape[-2], images.shape[-1]


def _token_layouts(form: str, features: Tensor, image_size: tuple[int, int]) -> Iterator[Layout]:
    total = features.shape[form.index('T')]
    for slack in (False, True):
        for prefix in range(min(_MAX_PREFIX, total - 1) + 1):
            for grid in _grids_of(total - prefix, image_size, slack):
                yield Layout(form, features.shape[2], grid, image_size, prefix)


def _grids_of(cells: int, image_size: tuple[int, int], slack: bool = True) -> list[tuple[int, int]]:
    height = max(1, round((cells * image_size[0] / image_size[1]) ** 0.5))
    grid = height, cells // height
    return [grid] if cells % height == 0 and _proportional(grid, image_size) <= slack else []


def _proportional(grid: tuple[int, int], image_size: tuple[int, int]) -> int:
    """0: in the image's proportion, 1: rounded, up to a cell off, 2: in another."""
    (height, width), (image_height, image_width) = grid, image_size
    off = abs(height * image_width - width * image_height)
    return 0 if not off else 1 if image_height != image_width and off <= max(image_size) else 2


def _times(size: tuple[int, int]) -> str:
    return f'{size[0]} x {size[1]}'
