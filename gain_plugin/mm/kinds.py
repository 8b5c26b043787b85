"""What a config is of, by whatever name: ``'VOCTagsDataset'``, ``'gain_plugin.mm.VOCTagsDataset'`` or the class."""

from typing import Any

from mmengine.registry import DATASETS, HOOKS, Registry

from gain_plugin.mm.dataset import VOCTagsDataset
from gain_plugin.mm.hook import GAINHook
from gain_plugin.mm.streamed import StreamedPhotos


def is_tagged_photos(settings: Any) -> bool:
    """Whether a config of a data set is one of ``VOCTagsDataset``."""
    return _class(settings, DATASETS) is VOCTagsDataset


def is_stream(settings: Any) -> bool:
    """Whether a config of a data set is one of ``StreamedPhotos``."""
    return _class(settings, DATASETS) is StreamedPhotos


def is_guidance(settings: Any) -> bool:
    """Whether a config of a hook is one of ``GAINHook``."""
    return _class(settings, HOOKS) is GAINHook


def _class(settings: Any, registry: Registry) -> Any:
    kind = settings['type']
    return registry.get(kind) if isinstance(kind, str) else kind
