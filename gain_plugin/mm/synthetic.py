"""The embedded scenes as an mmengine data set."""

from collections.abc import Callable, Sequence
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS

from gain_plugin import synthetic


@DATASETS.register_module()
class SyntheticDataset(BaseDataset):
    """The scenes of ``gain_plugin.synthetic``, in samples like ``VOCTagsDataset``'s.

    Args:
        count: how many scenes.
        seed: which ones.
        masks: whether samples have their ``gt_seg_map``.
        pipeline: transforms.
        test_mode: as in mmengine.
        sign: as in ``gain_plugin.synthetic.scenes``: what gives the label away.

    """

    METAINFO = {'classes': synthetic.CLASSES}

    def __init__(
        self,
        count: int,
        seed: int,
        masks: bool,
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
        sign: str | None = None,
    ) -> None:
        self._sign = sign
        self._count = count
        self._seed = seed
        self._with_masks = masks
        super().__init__(pipeline=list(pipeline), test_mode=test_mode, serialize_data=False)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Draw the scenes. Called by mmengine."""
        drawn = synthetic.scenes(self._count, self._seed, self._sign)
        samples = []
        for index, (image, labels, mask) in enumerate(zip(*drawn, strict=True)):
            info = {'img': image.permute(1, 2, 0).numpy(), 'img_path': f'scene {index} of seed {self._seed}'}
            info.update(gt_label=labels.nonzero()[:, 0].tolist(), img_shape=mask.shape, ori_shape=mask.shape)
            seg_map = (
                {'gt_seg_map': mask.numpy(), 'seg_fields': ['gt_seg_map']} if self._with_masks else {'seg_fields': []}
            )
            samples.append({**info, **seg_map})
        return samples
