"""Pictures of attention maps: of what is evaluated, and of the same photos over and over while guidance trains."""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import pseudo_collate
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn

from gain_plugin.attention import normalize_maps
from gain_plugin.health import Look, look
from gain_plugin.images import read_image
from gain_plugin.mm.hook import GAINHook
from gain_plugin.mm.hosts import host_of
from gain_plugin.mm.samples import multi_hot
from gain_plugin.pictures import file_name, overlay, resize_map
from gain_plugin.settings import check_count

LINE = 20  # pixels of text above a picture


@HOOKS.register_module()
class MapPictures(Hook):
    """Write the maps of the first validated or tested photos into ``maps`` in the work directory.

    The photo and beside it the photo below its map, dark blue where the map is 0 and yellow where it is 1. Needs
    ``AttentionHook`` before it.

    With an ``interval`` it also draws the first photos of ``val`` while ``GAINHook`` guides: the photo, the photo below
    its map, the soft mask, and what is erased, of the first of its classes, with the scores before and after. They go
    where the Runner's ``visualizer`` sends images: the folder ``vis_data/vis_image`` of the log, TensorBoard, WandB.
    What is trained stays the same.

    Args:
        count: photos.
        interval: iterations from one picture to the next, the first of guidance being drawn; None for none.

    Raises:
        ValueError: numbers below 1, an ``interval`` without a ``GAINHook`` or without photos of ``val`` or ``test``,
            before training.

    """

    priority = 'LOW'  # after the maps are there, and after GAINHook

    def __init__(self, count: int = 12, interval: int | None = None) -> None:
        check_count('count', count)
        if interval is not None:
            check_count('interval', interval)
        self._count = count
        self._interval = interval
        self._seen = 0

    def before_train(self, runner: Runner) -> None:
        """Find the photos."""
        if self._interval is None:
            return
        guides = [hook for hook in runner.hooks if isinstance(hook, GAINHook)]
        loop = runner.val_loop or runner.test_loop
        if not guides or loop is None:
            lacks = 'photos: give the config a val_dataloader' if guides else 'GAINHook: add it'
            raise ValueError(f'MapPictures(interval={self._interval}) has no {lacks}, or remove interval')
        self._guide = guides[0]
        self._samples = _with_labels(loop.dataloader.dataset, self._count, self._guide.ignored)
        self._names = loop.dataloader.dataset.metainfo['classes']

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Draw what is erased of the photos now."""
        if self._interval is None or not is_main_process():
            return
        done = self._guide.guided(runner)
        if not done or (done - 1) % self._interval:
            return
        host = host_of(runner)
        modes = {module: module.training for module in self._guide.gain.modules()}
        self._guide.gain.eval()
        try:
            for index, sample in enumerate(self._samples):
                picture, name = self._erasure(host, sample)
                runner.visualizer.add_image(f'{index:02}_{name}', picture, runner.iter + 1)
        finally:
            for module, mode in modes.items():
                module.training = mode

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
        for sample, image in zip(outputs[: max(0, self._count - self._seen)], data_batch['inputs'], strict=False):
            self._seen += 1
            self._draw(sample, image)

    after_test_iter = after_val_iter

    def _begin(self, runner: Runner, dataset: Any) -> None:
        self._seen = 0
        self._names = dataset.metainfo['classes']
        self._folder = Path(runner.work_dir, 'maps')
        self._folder.mkdir(parents=True, exist_ok=True)

    def _draw(self, sample: Any, image: Tensor) -> None:
        drawn = not Path(sample.img_path).exists()  # as the embedded scenes are, in RGB
        photo = image.permute(1, 2, 0).cpu().numpy() if drawn else read_image(sample.img_path)
        for label, own in zip(sorted(set(sample.gt_label)), normalize_maps(sample.attention_maps), strict=True):
            picture = Image.fromarray(np.concatenate([photo, overlay(photo, own)], 1))
            picture.save(self._folder / f'{self._seen:03}_{_name(sample.img_path, self._names[label])}.jpg')

    def _erasure(self, host: nn.Module, sample: dict[str, Any]) -> tuple[np.ndarray, str]:
        """The picture (H, W, 3) of a sample, and a name for it."""
        preprocess: Any = host.data_preprocessor
        data = preprocess(pseudo_collate([sample]), False)
        labels = multi_hot(data['data_samples'], len(self._names), self._guide.ignored)
        label = int(labels.nonzero()[0, 1])
        seen = look(self._guide.gain, data['inputs'], labels & (labels.cumsum(1) == 1))
        name, path = self._names[label], data['data_samples'][0].img_path
        return _strip(_as_photo(host, data['inputs']), _as_photo(host, seen.erased), seen, name), _name(path, name)


def _with_labels(dataset: Any, count: int, ignored: Any) -> list[dict[str, Any]]:
    """The first ``count`` samples that have a label."""
    samples = (dataset[index] for index in range(len(dataset)))
    classes = len(dataset.metainfo['classes'])
    labelled = (sample for sample in samples if multi_hot([sample['data_samples']], classes, ignored).any())
    return list(islice(labelled, count))


def _as_photo(host: nn.Module, images: Tensor) -> np.ndarray:
    """The first of normalised ``images`` as (H, W, 3) uint8."""
    mean, std = getattr(host.data_preprocessor, 'mean', 0), getattr(host.data_preprocessor, 'std', 1)
    return (images[0] * std + mean).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()


def _strip(photo: np.ndarray, erased: np.ndarray, seen: Look, name: str) -> np.ndarray:
    """Photo, map, soft mask and erased photo side by side below a line of text."""
    mask = (255 * resize_map(seen.masks[0], photo.shape[:2])).byte()[..., None].expand(-1, -1, 3).numpy()
    panels = np.concatenate([photo, overlay(photo, seen.maps[0]), mask, erased], 1)
    strip = Image.new('RGB', (panels.shape[1], panels.shape[0] + LINE), 'white')
    strip.paste(Image.fromarray(panels), (0, LINE))
    text = f'{name}: {seen.before[0]:.2f}, erased {seen.after[0]:.2f}, {seen.masks.mean():.0%} covered'
    ImageDraw.Draw(strip).text((4, 2), text, 'black', ImageFont.load_default(LINE - 8))
    return np.asarray(strip)


def _name(path: str, cls: str) -> str:
    return f'{file_name(Path(path).stem)}_{file_name(cls)}'
