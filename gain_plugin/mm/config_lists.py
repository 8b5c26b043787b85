"""The lists of photos that a config reads."""

from typing import Any

from mmengine.config import Config

from gain_plugin.mm.kinds import is_tagged_photos
from gain_plugin.mm.label_samples import sources_of
from gain_plugin.tagged_photos import TaggedPhotos

SETTINGS = ('data_root', 'ann_file', 'classes', 'tags_file', 'masks', 'mask_classes', 'data_prefix')


def lists_of_config(path: str) -> dict[str, list[TaggedPhotos]]:
    """Those of its training and of its evaluation, within whatever wrappers."""
    cfg = Config.fromfile(path)
    groups: dict[str, list[TaggedPhotos]] = {}
    known: list[dict[str, Any]] = []
    for group, name in (('training', 'train'), ('evaluation', 'val'), ('evaluation', 'test')):
        loader = cfg.get(f'{name}_dataloader')
        for data in sources_of(loader.dataset) if loader else []:
            if not is_tagged_photos(data):
                raise ValueError(
                    f'{path}: {name}_dataloader has a {data.type}, of which nothing is known: check its files'
                )
            settings = {key: data[key] for key in SETTINGS if key in data}
            if settings not in known:
                known.append(settings)
                groups.setdefault(group, []).append(TaggedPhotos(**settings))
    return groups
