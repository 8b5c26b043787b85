"""Data sets joined so that each has its part of the draws, whatever their sizes."""

from typing import Any

from mmengine.dataset import BaseDataset, ConcatDataset
from mmengine.registry import DATASETS


@DATASETS.register_module()
class BalancedConcat(ConcatDataset):
    """A large data set, and a small one repeated until a shuffled draw comes from it about half of the time.

    For few images with masks beside many with image-level labels alone, where the two have lists or pipelines of their
    own; ``MaskedSampler`` does the same within one data set. Whole repeats keep every image of the small one equally
    likely, so the part is met only roughly; it has at least one.

    Args:
        datasets: configs or data sets, the large one and the small one.
        share: part of the draws, in (0, 1), that come from the small one.

    Raises:
        ValueError: not two data sets, an empty one, or ``share`` out of range.

    """

    def __init__(self, datasets: list[dict[str, Any] | BaseDataset], share: float = 0.5) -> None:
        if len(datasets) != 2:
            raise ValueError(f'datasets must be two, the large one and the small one, not {len(datasets)}')
        if not 0 < share < 1:
            raise ValueError(f'share must be above 0 and below 1, not {share}')
        large, small = (DATASETS.build(data) if isinstance(data, dict) else data for data in datasets)
        if not len(large) or not len(small):
            raise ValueError(f'datasets must not be empty: they have {len(large)} and {len(small)} images')
        times = max(1, round(share / (1 - share) * len(large) / len(small)))
        super().__init__([large, *[small] * times])
