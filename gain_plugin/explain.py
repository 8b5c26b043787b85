"""What a classifier sees in one photo: maps of its classes, and what scores fall to where these are erased."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gain_plugin.attention import blur, erase, soft_mask
from gain_plugin.cam import CAM
from gain_plugin.pictures import resize_map
from gain_plugin.seeds import multi_scale_maps


class Network(NamedTuple):
    """A classifier with all that is needed to show it photos."""

    cam: CAM
    """In eval mode."""
    classes: Sequence[str]
    """(K,) names."""
    prepare: Callable[[np.ndarray], tuple[Tensor, tuple[int, int]]]
    """From a photo (H, W, 3) uint8 RGB to a batch (1, 3, h, w), normalised, and height and width of what of it is no
    padding."""
    restore: Callable[[Tensor], np.ndarray]
    """From normalised images (P, 3, h, w) back to (P, h, w, 3) uint8 RGB."""
    probability: Callable[[Tensor], Tensor]
    """From scores (N, K) to 0..1."""
    scales: Sequence[float]
    """As in ``multi_scale_maps``."""
    flip: bool
    """As in ``multi_scale_maps``."""
    name: str
    """For the user to know it by."""


class Explained(NamedTuple):
    """What was seen of P classes in one photo."""

    classes: list[int]
    """(P,) in the order that was asked for, or the highest score first."""
    maps: Tensor
    """(P, H, W) in 0..1 at the photo's size; all zero where nothing speaks for the class."""
    masks: Tensor
    """(P, H, W) soft masks (Eq. 4)."""
    erased: np.ndarray
    """(P, h, w, 3) uint8 RGB, the photo as the network got it but for what the mask covers, which is blurred."""
    before: list[float]
    """(P,) score of the class in 0..1."""
    after: list[float]
    """(P,) score of the class in the erased photo."""


@torch.no_grad()
def explain(network: Network, photo: np.ndarray, classes: Sequence[int] | int = 3) -> Explained:
    """Maps of some classes of a photo, and the classes' scores before and after what they cover is erased.

    Args:
        network: the classifier.
        photo: (H, W, 3) uint8 RGB.
        classes: which, or how many of those with the highest scores.

    """
    images, (height, width) = network.prepare(photo)
    scores = network.probability(_scores(network.cam, images))[0]
    shown = scores.topk(min(classes, len(scores))).indices.tolist() if isinstance(classes, int) else list(classes)
    labels = torch.zeros(1, len(scores), dtype=torch.bool)
    labels[0, shown] = True
    attend = partial(network.cam.attention, normalize=False)
    found = multi_scale_maps(attend, images, labels, scales=network.scales, flip=network.flip)
    maps = found[[sorted(shown).index(one) for one in shown]]  # in the order of the labels before
    fill = blur(images)
    erased = torch.cat([erase(images, soft_mask(own)[None], fill) for own in maps])
    after = torch.cat([network.probability(_scores(network.cam, one[None])) for one in erased])
    maps = torch.stack([resize_map(own[:height, :width], photo.shape[:2]) for own in maps])
    return Explained(
        shown,
        maps,
        soft_mask(maps),
        network.restore(erased[..., :height, :width]),
        scores[shown].tolist(),
        after[range(len(shown)), shown].tolist(),
    )


def _scores(cam: CAM, images: Tensor) -> Tensor:
    return cam.score(cam.classifier, images, {}, torch.detach)


def restore_images(images: Tensor, mean: Tensor, std: Tensor) -> np.ndarray:
    """(P, h, w, 3) uint8 from images (P, 3, h, w) that were normalised by ``mean`` and ``std`` (3,), in 0..255."""
    pixels = images.cpu() * std.view(3, 1, 1).cpu() + mean.view(3, 1, 1).cpu()
    return pixels.clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def class_indices(names: Sequence[str], classes: Sequence[str]) -> list[int]:
    """Positions of classes that somebody named: by the whole name, one of its names between commas, or the position.

    Raises:
        ValueError: no class of that name, or several; says which are like it.

    """
    return [_class_index(name, classes) for name in names]


def _class_index(name: str, classes: Sequence[str]) -> int:
    wanted = name.strip().lower()
    whole = [index for index, known in enumerate(classes) if known.lower() == wanted]
    parts = [index for index, known in enumerate(classes) if wanted in map(str.strip, known.lower().split(','))]
    found = whole or parts or [index for index in range(len(classes)) if str(index) == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f'{name!r} may be any of ' + '; '.join(f'{one}: {classes[one]}' for one in found))
    like = [known for known in classes if wanted in known.lower()] or list(classes)
    raise ValueError(f'{name!r} is none of the {len(classes)} classes, as ' + '; '.join(like[:8]))
