"""The network that most tests use."""

from torch import Tensor, nn


class Tiny(nn.Module):
    """Two convolutions and a head that is not linear, so that second-order terms count."""

    def __init__(self, classes: int = 3, channels: int = 5, batch_norm: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        norm = nn.BatchNorm2d(channels) if batch_norm else nn.Identity()
        self.features = nn.Sequential(
            nn.Conv2d(3, channels, 3, 2, 1), norm, nn.Tanh(), nn.Conv2d(channels, channels, 3)
        )
        self.hidden = nn.Linear(channels, 7)
        self.drop = nn.Dropout(dropout)
        self.fc = nn.Linear(7, classes)

    def forward(self, images: Tensor) -> Tensor:
        features = self.features(images)
        pooled = (features**2).mean((-2, -1)) + features.mean((-2, -1))
        return self.fc(self.drop(self.hidden(pooled).tanh()))
