"""What the guidance has to know of a segmentor of mmseg: its layers, and which values of a mask are no labels."""

from typing import Any

from torch import nn

from gain_plugin.masks import UNKNOWN, is_background


def is_segmentor(host: nn.Module) -> bool:
    """Whether ``host`` is built like mmseg's segmentors, around a ``decode_head``."""
    return hasattr(host, 'decode_head')


def segmentor_options(segmentor: nn.Module) -> dict[str, Any]:
    """Arguments of ``CAM`` for a segmentor: the scores are the logits of ``conv_seg``, the features what goes into it.

    The map of a class is then ReLU of its logits less their bias, whatever way of pooling gives the scores: Eq. 1 of
    any weighted mean of the logits is the row of ``conv_seg`` over h * w. A cascade is looked at in its last stage.

    Raises:
        ValueError: a head without ``conv_seg``, which classifies masks or points, or one with a single logit.

    """
    name = 'decode_head'
    if isinstance(segmentor.decode_head, nn.ModuleList):
        name = f'decode_head.{len(segmentor.decode_head) - 1}'
    head: Any = segmentor.get_submodule(name)
    if not isinstance(getattr(head, 'conv_seg', None), nn.Conv2d):
        raise ValueError(
            f'{type(head).__name__} has no conv_seg that scores each pixel: models that classify masks, kernels or '
            'points (MaskFormer, Mask2Former, K-Net, SAN, Segmenter, PointRend) cannot be guided, use a per-pixel head'
        )
    if head.conv_seg.out_channels == 1:
        raise ValueError(f'{type(head).__name__} has a single logit: give it out_channels=2, one for each class')
    layer = f'{name}.conv_seg'
    return {'target_layer': f'{layer}:input', 'score_layer': layer}


def ignored_values(segmentor: nn.Module, dataset: object) -> set[int]:
    """Values of ``gt_sem_seg`` that are no image-level labels: what is ignored, and background.

    Background is class 0 of a ``dataset`` whose first class is named so, or as annotation tools name it.
    """
    head: Any = segmentor.decode_head
    heads: Any = head if isinstance(head, nn.ModuleList) else [head]
    values = {UNKNOWN, *(head.ignore_index for head in heads)}
    classes = getattr(dataset, 'metainfo', {}).get('classes') or ('',)
    return values | {0} if is_background(classes[0]) else values
