"""Whether masks say the same as image-level labels; most often they do not because they are numbered in another way."""

from collections.abc import Sequence

import numpy as np

from gain_plugin.mask_files import MaskNumbers
from gain_plugin.masks import UNKNOWN
from gain_plugin.tagged_photos import Entry

LOOKED_AT = 32  # masks


def check_agreement(entries: Sequence[Entry], numbers: MaskNumbers, classes: Sequence[str]) -> None:
    """Refuse masks that say something else than the labels: most often they are numbered in another way.

    Looks at a few masks of tagged photos, evenly drawn.
    """
    tagged = [entry for entry in entries if entry.labels and entry.mask]
    few = tagged[:: max(1, len(tagged) // LOOKED_AT)][:LOOKED_AT]
    shown = [set(np.unique(numbers.read(entry.mask or '')).tolist()) - {0, UNKNOWN} for entry in few]
    own = sum(bool(values & {label + 1 for label in entry.labels}) for entry, values in zip(few, shown, strict=True))
    others = sum(bool(values - {label + 1 for label in entry.labels}) for entry, values in zip(few, shown, strict=True))
    if few and (own == 0 or others > own):
        raise ValueError(
            f'of {len(few)} masks of tagged photos {own} show a class of their photo and {others} another: '
            f'{numbers.describe([entry.mask or "" for entry in few])}; these classes are {list(classes)}'
        )
