"""Maps spread over what looks alike to the network: no training, for any classifier.

A map lights the part that decides; the rest of the object has features like it in the stages below. As in the pixel
correlation module of SEAM (Wang et al., CVPR 2020, Eq. 3), each cell takes the average of the map over all cells,
weighted by the ReLU of the cosine of their features; here without its learned embedding, with features of several
stages and a power that keeps to the most alike.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gain_plugin.layers import size_of, to_grid
from gain_plugin.recorder import Recorder, get_layer
from gain_plugin.settings import is_number

CELLS = 2048  # whose weights are held at a time: memory does not grow with the square of the grid


class Affinity(NamedTuple):
    """Where the features come from, and how maps are spread over them."""

    layers: Sequence[str]
    """Names of layers that give grids, or tokens of one; their cosines are averaged."""
    scale: float = 2.0
    """Factor on the size of the images for the pass that gives the features."""
    power: float = 5.0
    """Of the averaged cosine: the higher, the more alike a cell must be to count."""

    def check(self, model: nn.Module) -> None:
        """Raise a ValueError for numbers out of range, or layers that ``model`` does not have."""
        for name, value in (('scale', self.scale), ('power', self.power)):
            if not is_number(value) or value <= 0:
                raise ValueError(f'{name} of the affinity must be above 0, got {value!r}')
        if isinstance(self.layers, str) or not self.layers:
            raise ValueError(f'layers of the affinity must be a list of names, got {self.layers!r}')
        for name in self.layers:
            get_layer(model, name)

    def spread(
        self, model: nn.Module, maps: Tensor, images: Tensor, labels: Tensor, score_kwargs: dict[str, Any]
    ) -> Tensor:
        """Maps of a batch over the features of a pass of its own, each as ``spread_map`` gives it.

        Args:
            model: the classifier, in ``eval`` mode.
            maps: (P, H, W) of the positive pairs of ``labels``, in 0..1.
            images: (N, 3, H, W), normalised.
            labels: (N, K) multi-hot.
            score_kwargs: with which the model is called.

        Returns:
            (P, H, W) maps in 0..1.

        """
        scaled = F.interpolate(images, scale_factor=self.scale, mode='bilinear', align_corners=False)
        with torch.no_grad(), Recorder(model, *self.layers) as recorder:
            model(scaled, **score_kwargs)
            features = [to_grid(recorder[name], size_of(scaled)).float() for name in self.layers]
        torch.clear_autocast_cache()  # weights cast without a graph must not serve a training step
        owners = labels.nonzero()[:, 0].tolist()
        spread = [
            spread_map(own, [grid[index] for grid in features], self.power)
            for own, index in zip(maps, owners, strict=True)
        ]
        return torch.stack(spread) if spread else maps


def spread_map(attention: Tensor, features: Sequence[Tensor], power: float) -> Tensor:
    """One map, averaged over the cells whose features are alike, less its minimum, divided by its maximum (plus 1e-5).

    Args:
        attention: (H, W) in 0..1.
        features: one (C, h, w) a stage; finer grids are averaged down to the coarsest.
        power: of the averaged cosine.

    Returns:
        (H, W) in 0..1.

    """
    grid = min(map(size_of, features))
    stages = [F.normalize(F.adaptive_avg_pool2d(stage, grid).flatten(1), dim=0) for stage in features]  # (C, cells)
    cells = F.adaptive_avg_pool2d(attention[None], grid).flatten()
    spread = []
    for part in range(0, len(cells), CELLS):
        cosine = torch.stack([stage[:, part : part + CELLS].T @ stage for stage in stages]).mean(0)
        alike = cosine.relu() ** power
        spread.append(alike @ cells / alike.sum(1).clamp_min(1e-12))
    maps = torch.cat(spread).view(1, 1, *grid)
    maps = maps - maps.min()  # an average of all cells is nowhere 0
    maps = F.interpolate(maps / (maps.max() + 1e-5), attention.shape, mode='bilinear', align_corners=False)
    return maps[0, 0]
