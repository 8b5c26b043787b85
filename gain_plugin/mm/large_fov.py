"""DeepLab-LargeFOV (Chen et al., ICLR 2015) on VGG16, as SEC and GAIN train it."""

from typing import Any

from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor, nn

# channels of VGG16's convolutions; 'half' and 'keep' are poolings with stride 2 and 1
STAGES: tuple[Any, ...] = (
    *(64, 64, 'half'),
    *(128, 128, 'half'),
    *(256,) * 3,
    'half',
    *(512,) * 3,
    'keep',
    *(512,) * 3,
    'keep',
)


@MODELS.register_module()
class VGG16LargeFOV(BaseModule):
    """VGG16 to fc7, with stride 8: (N, 3, 321, 321) becomes (N, 1024, 41, 41).

    The convolutions have torchvision's names, so that ``init_cfg=dict(type='Pretrained',
    checkpoint='torchvision://vgg16')``, or the path of such a file, sets them; fc6 and fc7 begin anew. fc8 is mmseg's
    ``FCNHead`` with ``num_convs=0``.

    Args:
        init_cfg: as in mmengine.

    """

    def __init__(self, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        layers: list[nn.Module] = []
        channels = 3
        for index, stage in enumerate(STAGES):
            if isinstance(stage, str):
                layers.append(nn.MaxPool2d(3, 2 if stage == 'half' else 1, 1))
                continue
            dilation = 2 if index > STAGES.index('keep') else 1
            layers += [nn.Conv2d(channels, stage, 3, padding=dilation, dilation=dilation), nn.ReLU(inplace=True)]
            channels = stage
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.AvgPool2d(3, 1, 1),
            *(nn.Conv2d(512, 1024, 3, padding=12, dilation=12), nn.ReLU(inplace=True), nn.Dropout(0.5)),  # fc6
            *(nn.Conv2d(1024, 1024, 1), nn.ReLU(inplace=True), nn.Dropout(0.5)),  # fc7
        )

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """One map of features."""
        return (self.head(self.features(images)),)
