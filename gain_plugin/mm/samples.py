"""What data samples say of their images, as tensors."""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor, nn


def multi_hot(samples: Sequence[BaseDataElement], num_classes: int) -> Tensor:
    """(N, K) bool on the CPU from each sample's ``gt_label``, the indices (n,) of its image-level labels."""
    labels = torch.zeros(len(samples), num_classes, dtype=torch.bool)
    for row, sample in zip(labels, samples, strict=True):
        if 'gt_label' not in sample:
            raise ValueError(
                f"no gt_label in the sample of {sample.get('img_path')}: add it to the pipeline's meta_keys"
            )
        index = torch.as_tensor(sample.gt_label, dtype=torch.long)
        if index.numel() and not 0 <= int(index.min()) <= int(index.max()) < num_classes:
            raise ValueError(
                f'labels {index.tolist()} of {sample.get("img_path")} are not all below {num_classes} classes'
            )
        row[index] = True
    return labels


def bound_arguments(model: nn.Module, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a call of an mmengine model by name: ``inputs``, ``data_samples``, ``mode``."""
    return inspect.signature(model.forward).bind(*args, **kwargs).arguments
