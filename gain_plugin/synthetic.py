"""The embedded data set: scenes drawn by code, for a demonstration in minutes and for tests."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

SIZE = 64
CLASSES = ('red', 'green', 'blue', 'yellow')
_HEADS = torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.8, 0.1], [0.15, 0.2, 0.95], [0.9, 0.85, 0.1]])


class Scenes(NamedTuple):
    """Images with their image-level labels and segmentation masks."""

    images: Tensor
    """(N, 3, 64, 64) uint8 RGB."""
    labels: Tensor
    """(N, 4) bool."""
    masks: Tensor
    """(N, 64, 64) uint8: 0 background, c + 1 for class c."""


def scenes(count: int, seed: int = 0, sign: str | None = None) -> Scenes:
    """Draw ``count`` scenes of one to three objects of different classes over clutter.

    An object is a disc, its head, in the vivid colour of its class (the telling part) at the end of a long body, six
    times as large, with stripes in the direction of its class, faint under the noise (the quiet part). Clutter is
    bodies without stripes and grey discs.

    What it models: a classifier needs no more than the heads and has no reason to find the bodies' outlines, while the
    bodies do tell the class to whoever has to look. Plain maps come out too large rather than too small. What it does
    not model: objects whose rest says nothing of their class, context that always comes with an object, change of
    scale and viewpoint, classes that look alike. Gains here are no promise for photos.

    With a ``sign`` the set is biased: one object a scene, its head grey, and far from it in the background a disc in
    the vivid colour of a class, which gives the label away if the sign is ``'telling'`` and means nothing if it is
    ``'random'``. A classifier trained on the one kind shows on the other whether it looks at the object.

    The same ``seed`` gives the same scenes, and more of them begin with the fewer.

    Args:
        count: how many.
        seed: which ones.
        sign: None, ``'telling'`` or ``'random'``.

    """
    if sign not in (None, 'telling', 'random'):
        raise ValueError(f"sign must be None, 'telling' or 'random', got {sign!r}")
    drawn = [_scene(torch.Generator().manual_seed(seed * 1_000_003 + index), sign) for index in range(count)]
    images, labels, masks = (torch.stack(part) for part in zip(*drawn, strict=True))
    return Scenes(images, labels, masks)


def small_classifier(num_classes: int = len(CLASSES)) -> nn.Module:
    """Four convolutions, global average pooling and a linear layer; its ``features`` give a 16 x 16 grid."""
    layers: list[nn.Module] = []
    channels = 3
    for width, stride in ((32, 2), (64, 2), (64, 1), (128, 1)):
        layers += [nn.Conv2d(channels, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    model = nn.Sequential()
    model.add_module('features', nn.Sequential(*layers))
    model.add_module('pool', nn.AdaptiveAvgPool2d(1))
    model.add_module('flatten', nn.Flatten())
    model.add_module('head', nn.Linear(channels, num_classes))
    return model


def _scene(random: torch.Generator, sign: str | None) -> tuple[Tensor, Tensor, Tensor]:
    def uniform(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=random))

    y, x = torch.meshgrid(torch.arange(SIZE) + 0.5, torch.arange(SIZE) + 0.5, indexing='ij')
    slope = torch.rand(3, 2, generator=random) * 0.2 - 0.1
    image = 0.5 + slope[:, 0, None, None] * (x / SIZE - 0.5) + slope[:, 1, None, None] * (y / SIZE - 0.5)
    mask = torch.zeros(SIZE, SIZE, dtype=torch.uint8)
    labels = torch.zeros(len(CLASSES), dtype=torch.bool)
    taken = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    objects = torch.randperm(len(CLASSES), generator=random)[: int(uniform(1, 4))].tolist()
    if sign:
        objects = objects[:1]

    for cls in objects + [None] * int(uniform(1, 4)):  # None is clutter
        for _ in range(8):  # tries to find a free place
            angle, length, width = uniform(0, 2 * math.pi), uniform(22, 30), uniform(9, 13)
            top, left = uniform(12, SIZE - 12), uniform(12, SIZE - 12)
            along = (x - left) * math.cos(angle) + (y - top) * math.sin(angle)
            across = (y - top) * math.cos(angle) - (x - left) * math.sin(angle)
            body = (2 * along / length) ** 2 + (2 * across / width) ** 2 < 1
            head = (along - length / 2) ** 2 + across**2 < (width / 3) ** 2
            if not (taken & (body | head)).any():
                break
        else:
            continue
        taken |= body | head
        grey = 0.5 + uniform(-0.12, 0.12)
        image = torch.where(body, torch.full((3, 1, 1), grey), image)
        if cls is None or sign:
            image = torch.where(head, torch.full((3, 1, 1), uniform(0.2, 0.8)), image)
        if cls is None:
            continue
        direction = cls * math.pi / len(CLASSES)
        stripes = torch.sin((x * math.cos(direction) + y * math.sin(direction)) * 2 * math.pi / 5 + uniform(0, 6))
        image = torch.where(body, image + 0.12 * stripes, image)
        if not sign:
            image = torch.where(head, _HEADS[cls][:, None, None], image)
        mask[body | head] = cls + 1
        labels[cls] = True

    if sign:
        shown = objects[0] if sign == 'telling' else int(uniform(0, len(CLASSES)))
        image = torch.where(_far_disc(mask > 0, random), _HEADS[shown][:, None, None], image)
    image = image + 0.06 * torch.randn(3, SIZE, SIZE, generator=random)
    return (image.clamp(0, 1) * 255).round().to(torch.uint8), labels, mask


def _far_disc(taken: Tensor, random: torch.Generator) -> Tensor:
    """A disc of radius 6 at a random place 22 pixels or more from ``taken`` (64, 64), or else as far as there is."""
    places = torch.cartesian_prod(torch.arange(6.0, SIZE - 6), torch.arange(6.0, SIZE - 6))
    distance = torch.cdist(places, taken.nonzero().float()).amin(1)
    far = places[distance >= min(22, float(distance.max()))]
    centre = far[int(torch.randint(len(far), (), generator=random))]
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing='ij')
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < 36
