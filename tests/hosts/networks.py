"""Small networks in the forms in which weakly supervised code is published, written from the papers."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIZE, CLASSES = 32, 3


def stage(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


def cams(features: Tensor, weight: Tensor) -> Tensor:
    """Class activation maps (N, K, h, w) of a linear head behind average pooling."""
    return torch.einsum('kc,nchw->nkhw', weight.flatten(1), features).relu()


class Stages(nn.Module):
    """Stages under a name of their own and again in a list; the first is frozen in ``train``, which returns nothing."""

    def __init__(self, detach: bool = False) -> None:
        super().__init__()
        self.img_size = SIZE
        self.stage1, self.stage2, self.stage3 = stage(3, 8), stage(8, 12), stage(12, 16)
        self.classifier = nn.Conv2d(16, CLASSES, 1, bias=False)
        self.backbone = nn.ModuleList([self.stage1, self.stage2, self.stage3])
        self.newly_added = nn.ModuleList([self.classifier])
        self.detach = detach
        self.train()

    def train(self, mode: bool = True) -> None:
        super().train(mode)
        self.stage1.requires_grad_(False)

    def features(self, x: Tensor) -> Tensor:
        x = self.stage2(self.stage1(x))
        return self.stage3(x.detach() if self.detach else x)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean((2, 3), keepdim=True)).view(-1, CLASSES)

    def cams(self, x: Tensor) -> Tensor:
        return cams(self.features(x), self.classifier.weight)


class Equivariant(nn.Module):
    """SEAM: a column for the background, score maps and refined ones; the last ReLU and pooling are functions."""

    def __init__(self) -> None:
        super().__init__()
        self.img_size = SIZE
        self.trunk, self.last = nn.Sequential(stage(3, 8), stage(8, 16)), nn.Conv2d(16, 16, 3, 1, 1)
        self.fc8, self.affinity = nn.Conv2d(16, CLASSES + 1, 1, bias=False), nn.Conv2d(16, 8, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = F.relu(self.last(self.trunk(x)), inplace=True)
        maps = self.fc8(x)
        keys = F.normalize(self.affinity(x).flatten(2), dim=1)
        near = F.normalize(F.relu(keys.transpose(1, 2) @ keys), p=1, dim=1)
        return maps, (maps.detach().flatten(2) @ near).view_as(maps)

    def cams(self, x: Tensor) -> Tensor:
        return self(x)[0][:, 1:].relu()


class Puzzle(nn.Module):
    """PuzzleCAM: scores, or with ``with_cam`` these and the maps."""

    def __init__(self) -> None:
        super().__init__()
        self.img_size = SIZE
        self.stage1, self.stage2 = stage(3, 8), stage(8, 16)
        self.classifier = nn.Conv2d(16, CLASSES, 1, bias=False)
        self.from_scratch = nn.ModuleList([self.classifier])

    def forward(self, x: Tensor, with_cam: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        x = self.stage2(self.stage1(x))
        if with_cam:
            maps = self.classifier(x)
            return maps.mean((2, 3)), maps
        return self.classifier(x.mean((2, 3), keepdim=True)).flatten(1)

    def cams(self, x: Tensor) -> Tensor:
        return self(x, with_cam=True)[1].relu()


class Erasing(nn.Module):
    """OC-CSE: 1 x 1 scores over a grid behind dropout, averaged; the ReLU before them is a function."""

    def __init__(self) -> None:
        super().__init__()
        self.img_size = SIZE
        self.trunk = nn.Sequential(stage(3, 8), nn.Conv2d(8, 16, 3, 2, 1), nn.BatchNorm2d(16))
        self.drop, self.pool = nn.Dropout2d(0.5), nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(16, CLASSES, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.drop(self.pool(F.relu(self.trunk(x)))).flatten(1))

    def cams(self, x: Tensor) -> Tensor:
        return cams(F.relu(self.trunk(x)), self.fc.weight)


class Localizing(nn.Module):
    """The dicts of evaluations of object localisation."""

    def __init__(self) -> None:
        super().__init__()
        self.img_size = SIZE
        self.trunk, self.fc = nn.Sequential(stage(3, 8), stage(8, 16)), nn.Linear(16, CLASSES)

    def forward(self, x: Tensor, labels: Tensor | None = None, return_cam: bool = False) -> dict[str, Tensor]:
        features = self.trunk(x)
        logits = self.fc(features.mean((2, 3)))
        if return_cam:
            return {'feature_map': features, 'logits': logits, 'cams': cams(features, self.fc.weight)}
        return {'feature_map': features, 'logits': logits}

    def cams(self, x: Tensor) -> Tensor:
        return self(x, return_cam=True)['cams']


class SingleStage(nn.Module):
    """BSL and AE of 1-stage-wseg: scores by normalised weighted pooling of masks; a raw image and labels beside."""

    def __init__(self) -> None:
        super().__init__()
        self.img_size = SIZE
        self.trunk, self.mask = nn.Sequential(stage(3, 8), stage(8, 16)), nn.Conv2d(16, CLASSES, 1)

    def forward(
        self, x: Tensor, raw: Tensor | None = None, labels: Tensor | None = None
    ) -> tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Tensor]:
        logits = self.mask(self.trunk(x))
        background = torch.ones_like(logits[:, :1])
        masks = torch.cat([background, logits], 1).softmax(1)
        weight = masks[:, 1:].flatten(2)
        scores = (weight * logits.flatten(2)).sum(2) / (1 + weight.sum(2))
        area = masks.flatten(2).mean(2)[:, 1:]
        scores = scores + 0.01 * (1 - area) ** 3 * (area + 0.1).log()  # the focal penalty of small masks
        if labels is None or raw is None:
            return scores, masks
        kept = masks.detach()[:, 1:] * labels[:, :, None, None]
        colour = F.interpolate(raw, masks.shape[-2:]).std(1, keepdim=True)
        return scores, masks, -(masks[:, 1:].clamp_min(1e-4).log() * kept * colour).mean()


class Pooled(nn.Module):
    """CLIP's ResNet: a query, the mean of the grid, attends to it; text embeddings are the classes."""

    def __init__(self) -> None:
        super().__init__()
        self.img_size = SIZE
        self.trunk, self.place = nn.Sequential(stage(3, 8), stage(8, 16)), nn.Parameter(torch.randn(65, 1, 16) / 4)
        self.attention = nn.MultiheadAttention(16, 4)
        self.register_buffer('text', F.normalize(torch.randn(CLASSES, 16), dim=1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.trunk(x).flatten(2).permute(2, 0, 1)
        x = torch.cat([x.mean(0, keepdim=True), x]) + self.place
        x, _ = self.attention(x[:1], x, x, need_weights=False)
        return 10 * F.normalize(x[0], dim=1) @ self.text.T


class ManyHeads(nn.Module):
    """A head with batch norm, a queue and a loss kept on the model, an input normalised in place."""

    def __init__(self) -> None:
        super().__init__()
        self.img_size = SIZE
        self.trunk = nn.Sequential(stage(3, 8), stage(8, 16))
        self.head = nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, CLASSES))
        self.register_buffer('prototype', torch.zeros(16))
        self.queue: list[Tensor] = []
        self.loss: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        pooled = self.trunk(x.sub_(0.1).div_(0.5)).mean((2, 3))
        if not self.training:
            return self.head(pooled)
        self.prototype.mul_(0.9).add_(0.1 * pooled.detach().mean(0))
        self.queue.append(pooled.detach())
        self.loss = pooled.square().mean()
        return self.head(pooled), self.loss
