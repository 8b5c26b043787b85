"""Whether a model gets red where it takes red."""

from mmcv.transforms import LoadImageFromFile
from mmengine.dataset import Compose
from torch import nn

from gain_plugin.mm.dataset import VOCTagsDataset
from gain_plugin.mm.streamed import StreamedPhotos


def check_colour_order(host: nn.Module, dataset: object) -> None:
    """Refuse a preprocessor that swaps red and blue of photos that are RGB already.

    ``VOCTagsDataset`` gives RGB, unless its pipeline loads the photos itself, which mmcv does in BGR;
    ``StreamedPhotos`` gives RGB.

    Raises:
        ValueError: they do not fit; says which of the two to change.

    """
    if not getattr(getattr(host, 'data_preprocessor', None), '_channel_conversion', False):  # mmengine's and mmseg's
        return
    if isinstance(dataset, StreamedPhotos):
        raise ValueError('the data_preprocessor swaps red and blue, and StreamedPhotos is RGB: set bgr_to_rgb=False')
    for part in _parts(dataset):
        if isinstance(part, VOCTagsDataset) and not _loads(part.pipeline):
            raise ValueError(
                f'the data_preprocessor swaps red and blue, and {part.ann_file} is RGB already: set bgr_to_rgb=False, '
                "or begin the pipeline of VOCTagsDataset with dict(type='LoadImageFromFile')"
            )


def _parts(dataset: object) -> list[object]:
    """The data sets within wrappers."""
    inner = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    return [dataset] if inner == [None] else [part for one in inner for part in _parts(one)]


def _loads(pipeline: Compose) -> bool:
    return any(isinstance(transform, LoadImageFromFile) for transform in pipeline.transforms)
