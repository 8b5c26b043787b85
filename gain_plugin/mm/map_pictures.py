"""Pictures of attention maps, for data without masks to compare them with."""

from pathlib import Path
from typing import Any

import numpy as np
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from PIL import Image


@HOOKS.register_module()
class MapPictures(Hook):
    """Write the maps of the first validated or tested photos into ``maps`` in the work directory.

    The photo and beside it the photo below its map, blue where the map is 0 and red where it is 1. Needs
    ``AttentionHook`` before it.

    Args:
        count: photos.

    """

    priority = 'LOW'  # after the maps are there

    def __init__(self, count: int = 12) -> None:
        self._count = count
        self._seen = 0

    def before_val(self, runner: Runner) -> None:
        """Begin anew."""
        self._begin(runner, runner.val_loop.dataloader.dataset)

    def before_test(self, runner: Runner) -> None:
        """Begin anew."""
        self._begin(runner, runner.test_loop.dataloader.dataset)

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None, mode: str = 'val'
    ) -> None:
        """Draw."""
        for sample in outputs[: max(0, self._count - self._seen)]:
            self._seen += 1
            self._draw(sample)

    after_test_iter = after_val_iter

    def _begin(self, runner: Runner, dataset: Any) -> None:
        self._seen = 0
        self._names = dataset.metainfo['classes']
        self._folder = Path(runner.work_dir, 'maps')
        self._folder.mkdir(parents=True, exist_ok=True)

    def _draw(self, sample: Any) -> None:
        with Image.open(sample.img_path) as image:
            photo = np.asarray(image.convert('RGB'), dtype=float)
        for label, own in zip(sorted(set(sample.gt_label)), sample.attention_maps.cpu().numpy(), strict=True):
            heat = own[..., None] / max(own.max(), 1e-5)
            below = 0.5 * photo + 127.5 * np.concatenate([heat, 1 - np.abs(2 * heat - 1), 1 - heat], -1)
            picture = Image.fromarray(np.concatenate([photo, below], 1).astype(np.uint8))
            picture.save(self._folder / f'{self._seen:03}_{Path(sample.img_path).stem}_{self._names[label]}.jpg')
