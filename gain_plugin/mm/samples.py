"""What data samples say of their images, as tensors."""

import inspect
from collections.abc import Collection, Sequence
from typing import Any

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from gain_plugin.masks import UNKNOWN
from gain_plugin.pooling import pool_logits


def multi_hot(samples: Sequence[BaseDataElement], num_classes: int, ignored: Collection[int] | None = None) -> Tensor:
    """(N, K) bool on the CPU from each sample's ``gt_label``, the indices (n,) of its image-level labels.

    With ``ignored``, a sample that has no ``gt_label`` is labelled with the values in its ``gt_sem_seg`` but these.
    """
    labels = torch.zeros(len(samples), num_classes, dtype=torch.bool)
    for row, sample in zip(labels, samples, strict=True):
        if 'gt_label' in sample:
            index = _indices(sample, num_classes)
        elif ignored is not None and 'gt_sem_seg' in sample:
            values = sample.gt_sem_seg.data.unique().tolist()
            index = torch.tensor([value for value in values if value not in ignored], dtype=torch.long)
        else:
            raise ValueError(
                f"no gt_label in the sample of {sample.get('img_path')}: add it to the pipeline's meta_keys"
            )
        if index.numel() and not 0 <= int(index.min()) <= int(index.max()) < num_classes:
            raise ValueError(
                f'labels {index.tolist()} of {sample.get("img_path")} are not all below {num_classes} classes'
            )
        row[index] = True
    return labels


def _indices(sample: BaseDataElement, num_classes: int) -> Tensor:
    """The indices (n,) in a sample's ``gt_label``; a multi-hot vector, names and the like are refused."""
    try:
        index = torch.as_tensor(sample.gt_label).cpu()
        whole = bool((index == index.long()).all())
    except (TypeError, ValueError, RuntimeError):
        whole = False
    if not whole:
        raise ValueError(
            f'gt_label of {sample.get("img_path")} must be the indices of its classes, as [0, 2], got '
            f'{sample.gt_label!r}'
        )
    flags = index.numel() == num_classes > 1 and bool(((index == 0) | (index == 1)).all())
    if index.dtype == torch.bool or (flags and len(index.unique()) < num_classes):
        raise ValueError(
            f'gt_label of {sample.get("img_path")} must be the indices of its classes, got {index.tolist()}: '
            'give numpy.flatnonzero(gt_label) of a multi-hot vector'
        )
    return index.long()


def masks_of(samples: Sequence[BaseDataElement], size: Sequence[int]) -> Tensor | None:
    """(N, H, W) masks from each sample's ``gt_sem_seg``; unknown (255) where it is missing, None if it always is."""
    masks = [sample.gt_sem_seg.data for sample in samples if 'gt_sem_seg' in sample]
    if not masks:
        return None
    unknown = masks[0].new_full((1, *size), UNKNOWN)
    return torch.cat([sample.gt_sem_seg.data if 'gt_sem_seg' in sample else unknown for sample in samples])


def with_masks(samples: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tested samples, as dicts, that have a ``gt_sem_seg``; all need ``attention_maps``."""
    if not all('attention_maps' in sample for sample in samples):
        raise ValueError("samples have no attention_maps: add dict(type='AttentionHook', ...) to custom_hooks")
    return [sample for sample in samples if 'gt_sem_seg' in sample]


def maps_and_truth(sample: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
    """``attention_maps`` (n, H, W), their classes (n,) and the ``gt_sem_seg`` (H, W) of a tested sample, as a dict."""
    classes = torch.as_tensor(sorted(set(sample['gt_label'])), dtype=torch.long)
    return sample['attention_maps'].cpu(), classes, sample['gt_sem_seg']['data'].squeeze(0).cpu().long()


def predicted_scores(sample: dict[str, Any]) -> Tensor:
    """``pred_scores`` (K,) of a tested sample, as a dict, or its pooled ``seg_logits``; on the CPU."""
    if 'pred_scores' in sample:
        return torch.as_tensor(sample['pred_scores']).cpu()
    return pool_logits(sample['seg_logits']['data'][None])[0].cpu()


def bound_arguments(model: nn.Module, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a call of an mmengine model by name: ``inputs``, ``data_samples``, ``mode``."""
    return inspect.signature(model.forward).bind(*args, **kwargs).arguments
