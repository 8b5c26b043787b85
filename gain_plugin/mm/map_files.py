"""Attention maps as files for another second stage."""

from pathlib import Path
from typing import Any

import numpy as np
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from gain_plugin.mm.label_samples import name_of
from gain_plugin.writers import WRITERS


@HOOKS.register_module()
class MapFiles(Hook):
    """Write the maps of every tested photo, at the photo's size, in a form of ``gain_plugin.writers``.

    Needs ``AttentionHook`` before it. Files are named like the photos, in their sub-folders.

    Args:
        out: folder.
        form: ``'irn'``, ``'psa'``, ``'arrays'`` or ``'boxes'``.

    Raises:
        ValueError: another form.

    """

    priority = 'LOW'  # after the maps are there

    def __init__(self, out: str, form: str = 'irn') -> None:
        if form not in WRITERS:
            raise ValueError(f'form must be one of {sorted(WRITERS)}, got {form!r}')
        self._out = Path(out)
        self._write = WRITERS[form]

    def before_test(self, runner: Runner) -> None:
        """Look up the names."""
        dataset = runner.test_loop.dataloader.dataset
        infos = (dataset.get_data_info(index) for index in range(len(dataset)))
        self._names = {info['img_path']: name_of(info) for info in infos}

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Write those of a batch."""
        for sample in outputs:
            if 'attention_maps' not in sample:
                raise ValueError("samples have no attention_maps: add dict(type='AttentionHook', ...) to custom_hooks")
            maps = sample.attention_maps.cpu().numpy()
            self._write(self._out, self._names[sample.img_path], maps, np.unique(np.asarray(sample.gt_label, int)))
