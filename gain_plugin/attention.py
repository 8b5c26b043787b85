"""Attention maps, soft masks and erased images: Eq. 1-4 of GAIN (Li et al., CVPR 2018, arXiv:1802.10171).

Letters in shapes: N images, K classes, P positive (image, class) pairs in the order of ``labels.nonzero()``,
C channels, (h, w) the grid of the target layer, (H, W) the image.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from gain_plugin.settings import is_number
from gain_plugin.transfer import to_device

MIN_PEAK = 1e-5
"""What a map with a smaller peak is divided by, so that a dead map stays near zero and its gradient bounded."""


MIN_OMEGA, MAX_OMEGA = 0.1, 1000.0
"""At the lower slope a soft mask differs by 2 % at most; at the upper it has a gradient on 1 % of the range of maps."""


def attention_maps(
    features: Tensor,
    scores: Tensor,
    labels: Tensor,
    *,
    normalize: bool = True,
    second_order: bool = True,
    reshape: Callable[[Tensor], Tensor] | None = None,
    weigh: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> Tensor:
    """Grad-CAM of every positive (image, class) pair, differentiable (Eq. 1-2).

    Eq. 1 is taken times h * w: for a global-average-pool + linear head the map then *is* the class activation map,
    maps of several scales can be added up, and half-precision gradients don't underflow. The factor cancels when a map
    is divided by its maximum.

    The gradients of one class of every image are one backward pass through the head between ``features`` and
    ``scores``, so that there are as many passes as the image with the most labels has. Where a batch norm of the head
    normalises by the batch, a score depends on other images, too, and there is a pass for each pair.

    Args:
        features: output f of the target layer, with the graph that leads to ``scores``: (N, C, h, w) after ``reshape``.
        scores: (N, K) class scores s before any sigmoid.
        labels: (N, K) multi-hot image-level labels, 0/1 or bool. On the CPU they cost no device synchronisation.
        normalize: divide each map by its own maximum, into 0..1. All-zero maps stay zero.
        second_order: let gradients flow through the weights of Eq. 1, too. Without it the weights are constants.
        reshape: brings features of another layout, such as tokens, into (N, C, h, w).
        weigh: another map than Grad-CAM: the weights, (N, C) or (N, C, h, w), from features and gradients, both
            (N, C, h, w) and float32 or wider. None is Eq. 1, the mean of the gradients over the grid.

    Returns:
        (P, h, w) maps A, float32 or wider.

    Raises:
        ValueError: shapes that do not fit, labels that are not 0/1, scores that are not finite (looked at on the CPU
            only: on an accelerator the look would stall every step), or scores that do not depend on ``features``.

    """
    labels = check_labels(labels, scores)
    reshape = reshape or (lambda features: features)
    shape = reshape(features).shape
    if len(shape) != 4 or shape[0] != len(scores):
        raise ValueError(
            f'features must be (N, C, h, w) with N = {len(scores)}, got {tuple(shape)}: '
            'pick a target layer that has a grid'
        )
    if scores.device.type == 'cpu' and not scores.isfinite().all():
        raise ValueError('scores are not finite: lower the learning rate, or look for NaN in images and weights')

    image, cls = labels.nonzero(as_tuple=True)
    if not len(image):
        return features.new_zeros(0, *shape[2:], dtype=_at_least_float32(features.dtype))
    weigh = weigh or _mean_gradient
    if normalized_by_batch(scores, features):
        passes = [_alone(pair, labels) for pair in labels.nonzero()]
        maps = [_class_maps(features, scores, picked, second_order, reshape, weigh) for picked in passes]
        pairs = torch.stack([map_[place] for map_, place in zip(maps, image.tolist(), strict=True)])
    else:
        rank = labels.cumsum(1)  # (N, K): a positive label's place among its image's labels, from 1
        passes = [labels & (rank == place) for place in range(1, int(rank.max()) + 1)]
        maps = [_class_maps(features, scores, picked, second_order, reshape, weigh) for picked in passes]
        ranks = to_device(rank[image, cls] - 1, scores)
        pairs = torch.stack(maps)[ranks, to_device(image, scores)]  # (P, h, w)
    return normalize_maps(pairs) if normalize else pairs


def normalize_maps(maps: Tensor, *, through_peak: bool = False) -> Tensor:
    """Divide each map (..., h, w) by its own maximum; one below ``MIN_PEAK`` is divided by ``MIN_PEAK`` instead.

    The paper has no such scaling. The divisor is a constant to gradients, or, ``through_peak``, differentiated: then
    gradients change the form of a map and not its scale. What is erased wants the constant, for with the other a map
    could grow by lowering its peak alone; what a mask supervises wants the form alone, for the scale is the class
    score's (docs/evidence.md has what either costs).
    """
    peak = maps.amax((-2, -1), keepdim=True)
    return maps / (peak if through_peak else peak.detach()).clamp_min(MIN_PEAK)


def soft_mask(maps: Tensor, sigma: float = 0.5, omega: float = 10.0) -> Tensor:
    """T(A) = sigmoid(omega * (A - sigma)), the soft threshold of Eq. 4.

    The paper gives neither value. For maps in 0..1 an omega near 10 keeps gradients alive over the whole range.

    Args:
        maps: attention maps of any shape, in 0..1.
        sigma: the map's value that is half erased, in 0..1.
        omega: slope of the threshold, above 0.

    """
    check_soft_mask(sigma, omega)
    return torch.sigmoid(omega * (maps - sigma))


def check_soft_mask(sigma: float, omega: float | None) -> None:
    """Raise a ValueError for settings with which Eq. 4 is no soft threshold of maps in 0..1."""
    if not is_number(sigma) or not 0 <= sigma <= 1:
        raise ValueError(f'sigma must be in 0..1, where maps are, got {sigma!r}')
    if omega is not None and not (is_number(omega) and omega > 0):
        raise ValueError(f'omega must be above 0, or None for the map itself as the mask, got {omega!r}')
    if omega is not None and omega < MIN_OMEGA:
        raise ValueError(f'omega={omega:g} erases all pixels alike, whatever the map: take {MIN_OMEGA:g} or more')
    if omega is not None and omega > MAX_OMEGA:
        raise ValueError(f'omega={omega:g} is a step, through which no gradient comes: take {MAX_OMEGA:g} at most')


def erase(images: Tensor, mask: Tensor, fill: Tensor | None = None) -> Tensor:
    """I* = I - T(A) * I (Eq. 3), or with ``fill`` in place of what is erased: I - T(A) * (I - fill).

    Args:
        images: (P, C, H, W), one a mask.
        mask: (P, h, w) in 0..1, brought to (H, W) bilinearly.
        fill: (P, C, H, W) or anything that broadcasts to it; None is zero, the mean colour of normalised images.

    """
    if images.ndim != 4 or mask.ndim != 3 or len(images) != len(mask):
        raise ValueError(
            f'images must be (P, C, H, W) and mask (P, h, w), got {tuple(images.shape)} and {tuple(mask.shape)}'
        )
    mask = F.interpolate(mask[:, None], images.shape[-2:], mode='bilinear', align_corners=False)
    return (images - mask * (images if fill is None else images - fill)).to(images.dtype)


def fitting_fill(fill: object, images: Tensor) -> Tensor:
    """``fill`` in the shape of ``images`` (N, C, H, W), or a ValueError where it does not broadcast to it."""
    try:
        return fill.expand_as(images)  # type: ignore[attr-defined]
    except (AttributeError, RuntimeError):
        got = tuple(fill.shape) if isinstance(fill, Tensor) else f'a {type(fill).__name__}'
        raise ValueError(
            f'fill must give a tensor that broadcasts to the images {tuple(images.shape)}, got {got}'
        ) from None


def blur(images: Tensor, size: int = 32) -> Tensor:
    """Average of the ``size`` x ``size`` pixels around each pixel, up to bilinear interpolation: tint without shapes.

    Args:
        images: (N, C, H, W).
        size: side of the window in pixels, a multiple of 4.

    Raises:
        ValueError: another size.

    """
    if not isinstance(size, int) or size < 4 or size % 4:
        raise ValueError(f'the size of a blur must be a multiple of 4, got {size!r}')
    means = F.avg_pool2d(images, size, stride=size // 4, padding=size // 2, count_include_pad=False, ceil_mode=False)
    return F.interpolate(means, images.shape[-2:], mode='bilinear', align_corners=True)


def check_images(images: Tensor) -> None:
    """Raise a ValueError that says what to do unless ``images`` are (N, C, H, W) of floats."""
    if not isinstance(images, Tensor):
        raise ValueError(f'images must be a tensor (N, C, H, W), got a {type(images).__name__}')
    if images.ndim != 4:
        raise ValueError(f'images must be (N, C, H, W), got {tuple(images.shape)}: stack them, or add a first side')
    if not images.is_floating_point():
        raise ValueError(f'images must be normalised, with floats, got {images.dtype}: divide by 255 and normalise')


def check_labels(labels: Tensor, scores: Tensor) -> Tensor:
    """``labels`` as a bool tensor on the CPU, or a ValueError that says why they do not fit ``scores`` (N, K)."""
    if not isinstance(labels, Tensor):
        raise ValueError(f'labels must be a tensor, got a {type(labels).__name__}: give torch.as_tensor(labels)')
    if scores.ndim != 2:
        raise ValueError(f'scores must be (N, K), got {tuple(scores.shape)}: name the layer that gives class scores')
    if labels.ndim != 2 or len(labels) != len(scores):
        raise ValueError(f'labels must be multi-hot (N, K) = {tuple(scores.shape)}, got {tuple(labels.shape)}')
    if labels.shape != scores.shape:
        raise ValueError(f'labels have {labels.shape[1]} classes, the classifier scores {scores.shape[1]}')
    if labels.layout != torch.strided or labels.is_complex():
        raise ValueError(f'labels must be dense and 0 or 1, got {labels.dtype} of {labels.layout}: give to_dense()')
    labels = labels.detach().cpu()
    if ((labels != 0) & (labels != 1)).any():
        raise ValueError('labels must be multi-hot: 0 or 1 for every class of every image')
    return labels.bool()


def normalized_by_batch(scores: Tensor, features: Tensor) -> bool:
    """Whether a batch norm in training mode lies between ``features`` and ``scores``."""
    seen, stack = {features.grad_fn}, [scores.grad_fn]
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if 'BatchNorm' in node.name() and getattr(node, '_saved_training', True):
            if 'Sync' in node.name():  # it waits for processes that may have another number of labels
                raise ValueError('a SyncBatchNorm lies behind the target layer: name a target_layer behind it')
            return True
        stack.extend(child for child, _ in node.next_functions)
    return False


def _class_maps(
    features: Tensor,
    scores: Tensor,
    picked: Tensor,
    second_order: bool,
    reshape: Callable[[Tensor], Tensor],
    weigh: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """(N, h, w) maps for at most one class an image, those in ``picked`` (N, K)."""
    grid = reshape(features)
    cells = grid.shape[-2] * grid.shape[-1]
    try:
        (gradients,) = torch.autograd.grad(
            scores, features, to_device(picked, scores).to(scores) * cells, create_graph=second_order, retain_graph=True
        )
    except RuntimeError as error:
        if 'not have been used' in str(error) or 'does not require grad' in str(error):
            raise ValueError(
                'scores do not depend on features: pick a target layer that leads to the scores'
            ) from error
        raise
    with torch.autocast(features.device.type, enabled=False):
        dtype = _at_least_float32(features.dtype)
        grid, slopes = grid.to(dtype), reshape(gradients).to(dtype)
        weights = _check_weights(weigh(grid, slopes), grid)
        form = 'nc,nchw->nhw' if weights.ndim == 2 else 'nchw,nchw->nhw'
        return torch.einsum(form, weights, grid).relu()  # Eq. 2


def _check_weights(weights: object, grid: Tensor) -> Tensor:
    """``weights`` of ``grid`` (N, C, h, w), or a ValueError unless there is one for each channel or cell."""
    if isinstance(weights, Tensor) and weights.shape in (grid.shape[:2], (*grid.shape[:2], 1, 1), grid.shape):
        return weights
    got = tuple(weights.shape) if isinstance(weights, Tensor) else f'a {type(weights).__name__}'
    raise ValueError(f'weigh must give (N, C) = {tuple(grid.shape[:2])} or (N, C, h, w), got {got}')


def _alone(pair: Tensor, labels: Tensor) -> Tensor:
    """(N, K) bool with ``pair`` alone."""
    return torch.zeros_like(labels).index_put(tuple(pair), labels.new_ones(()))


def _mean_gradient(features: Tensor, gradients: Tensor) -> Tensor:
    return gradients.mean((-2, -1))  # (N, C), Eq. 1


def _at_least_float32(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)
