"""What labels are made of: the photos of a data set one by one, with their maps."""

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch.utils.data import DataLoader, Dataset

from gain_plugin.masks import UNKNOWN
from gain_plugin.mm.attention_hook import AttentionHook
from gain_plugin.mm.dataset import VOCTagsDataset
from gain_plugin.mm.hosts import host_of
from gain_plugin.mm.kinds import is_tagged_photos
from gain_plugin.mm.samples import multi_hot
from gain_plugin.pseudo_labels.worker import Outcome


class MapSample(NamedTuple):
    """One photo with its maps; the fields are those of ``LabelTask``."""

    name: str
    img_path: str
    maps: np.ndarray
    classes: np.ndarray
    truth: np.ndarray | None


def photo_names(dataset: Any) -> dict[str, int]:
    """Names of the files to make and where their photos are in the data set; a photo that is there twice counts once.

    Raises:
        ValueError: two photos would share a file, or a mask has a wrong value.

    """
    names: dict[str, int] = {}
    shared = []
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        first = names.setdefault(name_of(info), index)
        if first != index and dataset.get_data_info(first)['img_path'] != info['img_path']:
            shared.append(name_of(info))
    if shared:
        raise ValueError(f'images of the same name would share a file: {shared[:5]}')
    if isinstance(dataset, VOCTagsDataset):
        dataset.check_masks()
    return names


def name_of(info: dict[str, Any]) -> str:
    """The id of a photo, with its sub-folders where the data set knows them, else the name of its file."""
    return str(info.get('img_id') or Path(info['img_path']).stem)


def read_maps(
    runner: Runner, dataset: Any, positions: Sequence[int], hook: AttentionHook
) -> Iterator[MapSample | Outcome]:
    """The photos at the positions with the maps that the hook reads, or what is wrong with one."""
    host: Any = host_of(runner).eval()
    classes = len(dataset.metainfo['classes'])
    cam = hook.attach(host)
    workers = runner.cfg.test_dataloader.get('num_workers', 0)
    for info, packed in DataLoader(_Photos(dataset, positions), None, num_workers=workers, collate_fn=_as_it_is):
        name = name_of(info)
        if isinstance(packed, str):
            yield Outcome(name, packed)
            continue
        with torch.no_grad():
            batch = host.data_preprocessor(pseudo_collate([packed]), False)
            (sample,) = batch['data_samples']
            tags = multi_hot([sample], hook.num_classes)[0].nonzero()[:, 0]
            if len(tags):
                (maps,) = hook.maps(cam, batch['inputs'], batch['data_samples'])
            else:
                maps = torch.zeros(0, *sample.ori_shape[:2])
        yield MapSample(name, info['img_path'], maps.cpu().numpy(), tags.numpy(), _truth(sample, classes))


def is_untagged(info: dict[str, Any]) -> bool:
    """Whether a photo is known to show none of the classes."""
    return 'gt_label' in info and not len(info['gt_label'])


def sources_of(settings: Any) -> list[Any]:
    """Configs of the data sets that wrappers (concatenated, repeated, balanced ones) are around, each once."""
    inner = settings.get('datasets') or ([settings['dataset']] if 'dataset' in settings else [])
    if not inner:
        return [settings]
    sources = [source for part in inner for source in sources_of(part)]
    return [source for index, source in enumerate(sources) if source not in sources[:index]]


def calibration_photos(runner: Runner, listed: str | Path) -> Any:
    """The photos of a list, a file here or in a ``data_root``, all of which need masks."""
    sources = sources_of(runner.cfg.test_dataloader.dataset)
    found = (source for source in sources if Path(source.get('data_root') or '.', listed).is_file())
    settings = copy.deepcopy(next(found, sources[0]))
    settings.pop('indices', None)
    settings.ann_file = str(Path(listed).absolute() if Path(listed).is_file() else listed)
    if is_tagged_photos(settings):
        settings.masks = 'all'
    return DATASETS.build(settings)


class _Photos(Dataset):
    """What a data set knows of the photos at the given positions, and the samples, or what is wrong with them."""

    def __init__(self, dataset: Any, positions: Sequence[int]) -> None:
        self._dataset = dataset
        self._positions = positions

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, index: int) -> tuple[dict[str, Any], dict[str, Any] | str]:
        info = self._dataset.get_data_info(self._positions[index])
        try:
            return info, self._dataset[self._positions[index]]
        except Exception as error:  # whatever a broken image does to a reader, the others are to be finished
            return info, f'{type(error).__name__}: {error}'


def _as_it_is(sample: Any) -> Any:
    return sample


def _truth(sample: BaseDataElement, classes: int) -> np.ndarray | None:
    if 'gt_sem_seg' not in sample:
        return None
    truth = sample.gt_sem_seg.data.squeeze(0).cpu().numpy()
    wrong = [int(value) for value in np.unique(truth) if classes < value < UNKNOWN]
    if wrong:
        raise ValueError(f'the mask of {sample.get("img_path")} has the values {wrong}, beyond {classes} classes')
    return None if (truth == UNKNOWN).all() else truth
