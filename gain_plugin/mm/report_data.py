"""What an evaluation leaves for the report."""

import json
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from gain_plugin.files import write_atomically
from gain_plugin.images import read_image
from gain_plugin.mm.samples import predicted_scores, with_masks
from gain_plugin.report.records import Records
from gain_plugin.settings import check_count


@HOOKS.register_module()
class ReportData(Hook):
    """Write ``report.json`` into the work directory at each validation or test: what ``write_report`` shows of a run.

    It has the figures, the curve over the thresholds, and of the photos small pictures, maps, scores and the IoU of
    their seeds; some 8 KB a photo. Needs ``AttentionHook`` before it.

    Args:
        count: how many photos are kept, the first ones; the figures are of all.

    """

    priority = 'LOW'  # after the maps are there

    def __init__(self, count: int = 2000) -> None:
        check_count('count', count)
        self._count = count

    def before_val(self, runner: Runner) -> None:
        """Begin anew."""
        self._records = Records(runner.val_loop.dataloader.dataset.metainfo['classes'], self._count)

    def before_test(self, runner: Runner) -> None:
        """Begin anew."""
        self._records = Records(runner.test_loop.dataloader.dataset.metainfo['classes'], self._count)

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None, mode: str = 'val'
    ) -> None:
        """Keep what was predicted."""
        with_masks([sample.to_dict() for sample in outputs])  # says what to do if there are no maps
        for sample, image in zip(outputs, data_batch['inputs'], strict=True):
            drawn = not Path(sample.img_path).exists()  # as the embedded scenes are, in RGB
            self._records.add(
                sample.img_path,
                image.permute(1, 2, 0).cpu().numpy() if drawn else read_image(sample.img_path),
                torch.tensor(sorted(set(sample.gt_label)), dtype=torch.long),
                sample.attention_maps.cpu(),
                predicted_scores(sample.to_dict()),
                sample.gt_sem_seg.data[0].cpu().long() if 'gt_sem_seg' in sample else None,
            )

    after_test_iter = after_val_iter

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Write."""
        records, *others = all_gather_object(self._records)
        for other in others:
            records.merge(other)
        if is_main_process():
            text = json.dumps(records.content(metrics or {}), allow_nan=False)
            write_atomically(Path(runner.work_dir, 'report.json'), lambda file: file.write(text.encode()))
        del self._records

    after_test_epoch = after_val_epoch
