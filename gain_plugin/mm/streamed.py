"""Photos with image-level labels that come as a stream, for sets that no list is made of."""

import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from logging import WARNING
from pkgutil import resolve_name
from typing import Any

import numpy as np
from mmengine.dataset import Compose
from mmengine.dist import get_rank, get_world_size
from mmengine.logging import print_log
from mmengine.registry import DATASETS
from mmengine.runner import EpochBasedTrainLoop
from torch.utils.data import IterableDataset, get_worker_info

from gain_plugin.images import read_image
from gain_plugin.tagged_photos import checked_classes

FIELDS = ('name', 'image', 'labels')
LENGTH = 2**48
"""Photos that no training reaches; a float holds it exactly."""
MOST_BROKEN, LEAST_BROKEN = 0.01, 10


@DATASETS.register_module()
class StreamedPhotos(IterableDataset):
    """Photos with image-level labels from a stream, as WebDataset and Hugging Face's ``datasets`` are, to train from.

    The stream gives a dict a photo: ``name``, ``image``, the bytes of a file in any format of Pillow, and ``labels``,
    the indices of its classes, which may be none. Samples are those of ``VOCTagsDataset`` without masks: ``img``
    (H, W, 3) uint8 RGB, upright, ``gt_label`` and, as ``img_path``, the name.

    Where the stream ends it begins again, after ``set_epoch`` with the number of the pass if it has that, so that no
    process waits for another one that has more photos: train it by ``IterBasedTrainLoop``, with ``sampler=None`` in the
    ``train_dataloader``. The stream itself divides what it has over processes and loading workers, and shuffles it.

    An image that cannot be read is left out, with a warning.

    Args:
        samples: the stream, an iterable of which each ``iter()`` is a pass, or a function that gives one, named as
            ``'my_module.my_function'``.
        classes: the classes to learn, in the order of the scores.
        pipeline: transforms.

    Raises:
        ValueError: no such function, a stream that can be read once or gives nothing, a sample of another form, labels
            that are no indices of ``classes``, more than ten images, and more than one in a hundred, that cannot be
            read.

    """

    def __init__(
        self,
        samples: Iterable[Mapping[str, Any]] | str,
        classes: Sequence[str],
        pipeline: Sequence[dict | Callable] = (),
    ) -> None:
        self._samples: Any = _named(samples) if isinstance(samples, str) else samples
        if not isinstance(self._samples, Iterable) or isinstance(self._samples, Iterator):
            raise ValueError(
                f'samples must be an object whose iter() begins a new pass, as a data set of torch is, got '
                f'{self._samples!r}'
            )
        self.metainfo = {'classes': checked_classes(classes)}
        self.pipeline = Compose(list(pipeline))

    def __len__(self) -> int:
        """Endless: mmengine's ``LoggerHook`` asks for a length in each step."""
        return LENGTH

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Samples after the pipeline, without an end."""
        broken = 0
        for count, sample in enumerate(self._passes(), 1):
            name, content, labels = self._fields(sample)
            try:
                image = read_image(name, content)
            except ValueError as error:
                broken += 1
                print_log(f'{error}: it is left out', 'current', WARNING)
                if broken > max(LEAST_BROKEN, MOST_BROKEN * count):
                    raise ValueError(f'{broken} of {count} images cannot be read, the last one: {error}') from error
                continue
            yield self._transformed(name, image, labels)

    def _passes(self) -> Iterator[Any]:
        """What the stream gives, again and again."""
        for number in itertools.count():
            if hasattr(self._samples, 'set_epoch'):
                self._samples.set_epoch(number)
            sample = None
            for sample in self._samples:
                yield sample
            if sample is None:
                raise ValueError(
                    f'the stream gave nothing in pass {number} to {_reader()}: are there more of them than shards? '
                    'Lower num_workers, or make more shards'
                )

    def _fields(self, sample: Any) -> tuple[str, bytes, list[int]]:
        """Name, image and labels of what the stream gave."""
        if not isinstance(sample, Mapping) or not all(field in sample for field in FIELDS):
            given = f'one with {list(sample)}' if isinstance(sample, Mapping) else f'a {type(sample).__name__}'
            raise ValueError(f'the stream must give dicts with {", ".join(FIELDS)}, it gave {given}')
        name, content, labels = (sample[field] for field in FIELDS)
        if not isinstance(content, bytes):
            raise ValueError(
                f'image of {name} must be the bytes of its file, got a {type(content).__name__}: leave decoding to '
                'this data set (cast_column(..., Image(decode=False)) of datasets)'
            )
        try:
            indices = [operator.index(label) for label in labels]
        except TypeError:
            indices = [-1]
        classes = len(self.metainfo['classes'])
        if not all(0 <= index < classes for index in indices):
            raise ValueError(f'labels of {name} must be indices of the {classes} classes, as [0, 2], got {labels!r}')
        return str(name), content, indices

    def _transformed(self, name: str, image: np.ndarray, labels: list[int]) -> dict[str, Any]:
        size = image.shape[:2]
        info = {'img': image, 'img_path': name, 'img_shape': size, 'ori_shape': size, 'gt_label': labels}
        try:
            return self.pipeline({**info, 'seg_fields': []})
        except Exception as error:
            raise ValueError(f'{name} of {size} pixels, in the pipeline: {error}') from error


def check_loop(loop: Any) -> None:
    """Raise a ValueError for a loop of epochs, the first of which a stream would never end."""
    data = loop.dataloader.dataset
    if isinstance(data, StreamedPhotos) and isinstance(loop, EpochBasedTrainLoop):
        raise ValueError(
            "a stream has no epochs: train_cfg=dict(type='IterBasedTrainLoop', max_iters=...), and by_epoch=False of "
            'the checkpoints and the logs'
        )


def _named(function: str) -> Any:
    """What a function gives that is named by its module."""
    try:
        make = resolve_name(function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f'samples={function!r} cannot be imported ({error}): check the name and PYTHONPATH') from error
    return make()


def _reader() -> str:
    worker = get_worker_info()
    part = f'worker {worker.id} of {worker.num_workers}, ' if worker else ''
    return f'{part}process {get_rank()} of {get_world_size()}'
