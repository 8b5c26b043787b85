"""Where features change as the image changes: which tokens are of the image, and whether a grid stands upright."""

import torch
from torch import Tensor

PLACES = ((0, 0), (0, 1), (1, 0), (1, 1))  # quarters of an image, (row, column)
_CLEAR = 0.2  # nats: a response to rows or columns that is weaker tells nothing, as of attention with random weights
_UPRIGHT = 0.25  # correlation of the response with the place in the grid; 0 for tokens in a drawn order


def changed(images: Tensor, row: int, column: int) -> Tensor:
    """The images with one quarter replaced by noise of a greater amplitude."""
    height, width = (side // 2 for side in images.shape[-2:])
    rows = slice(-height, None) if row else slice(height)
    part = (..., rows, slice(-width, None) if column else slice(width))
    images = images.detach().clone()
    generator = torch.Generator().manual_seed(1 + 2 * row + column)
    noise = torch.randn(images[part].shape, generator=generator, dtype=torch.float32).to(images)
    images[part] = 3 * images.std() * noise
    return images


def of_the_image(change: Tensor) -> slice | None:
    """The tokens that a change of the image changes, if they lie side by side and are not all.

    Args:
        change: (4, T), mean squares, at the first layer that has these tokens.

    """
    moved = (change > 1e-9 * change.max()).any(0)
    (places,) = moved.nonzero(as_tuple=True)
    if not len(places) or len(places) == len(moved) or len(places) != places[-1] - places[0] + 1:
        return None
    return slice(int(places[0]), int(places[-1]) + 1)


def upright(change: Tensor) -> bool | None:
    """Whether what changes in a grid is where the image changed; None where all changes alike.

    The logarithms are freed of what is common to a cell, or to a place. What is left is compared, over the cells,
    between places above and below, and between left and right: that response grows with the row and with the column of
    the cell if the grid is read as it lies in the image.

    Args:
        change: (4, h, w), mean squares, for ``PLACES``.

    """
    change = change.double()
    logs = change.clamp_min(1e-6 * change.max().clamp_min(1e-30)).log()
    logs = logs - logs.mean((1, 2), keepdim=True)
    found = []
    for axis in (0, 1):
        sign = torch.tensor([2.0 * place[axis] - 1 for place in PLACES]).to(logs)
        response = (logs * sign[:, None, None]).mean(0)
        cells = torch.linspace(-1, 1, response.shape[axis]).to(logs)
        place = (cells[:, None] if axis == 0 else cells[None]).expand_as(response)
        if response.shape[axis] > 1 and response.std() > _CLEAR:
            found.append(float(torch.corrcoef(torch.stack([response.flatten(), place.flatten()]))[0, 1]))
    return min(found) > _UPRIGHT if found else None
