"""Small transformers and hybrids in the forms in which weakly supervised code is published, written from the papers."""

import torch
import torch.nn.functional as F
from networks import CLASSES, SIZE, cams, stage
from torch import Tensor, nn

WIDTH, PATCH = 16, 4


class Block(nn.Module):
    """A block that gives its tokens and its attention (N, heads, T, T)."""

    def __init__(self, heads: int = 2) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.proj, self.heads = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH), heads
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        q, k, v = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in self.qkv(self.norm1(x)).chunk(3, -1))
        weights = (q @ k.transpose(2, 3) / q.shape[-1] ** 0.5).softmax(-1)
        x = x + self.proj((weights @ v).transpose(1, 2).flatten(2))
        return x + self.mlp(self.norm2(x)), weights


class Tokens(nn.Module):
    """Patches behind ``front`` learnt tokens, and blocks."""

    def __init__(self, front: int, norm: bool = True, depth: int = 3) -> None:
        super().__init__()
        self.img_size = SIZE
        self.front = front
        self.patch = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.token = nn.Parameter(torch.randn(1, front, WIDTH))
        self.place = nn.Parameter(torch.randn(1, (SIZE // PATCH) ** 2, WIDTH) / 4)
        self.blocks = nn.ModuleList(Block() for _ in range(depth))
        self.norm = nn.LayerNorm(WIDTH) if norm else nn.Identity()

    def encode(self, x: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Tokens, the attention of each block, and the tokens behind each."""
        x = self.patch(x).flatten(2).transpose(1, 2) + self.place
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        attention, each = [], []
        for block in self.blocks:
            x, weights = block(x)
            attention.append(weights)
            each.append(x)
        return self.norm(x), attention, each

    def grid(self, tokens: Tensor) -> Tensor:
        side = SIZE // PATCH
        return tokens[:, self.front :].transpose(1, 2).unflatten(2, (side, side)).contiguous()


class ClassTokens(Tokens):
    """MCTformer: a token a class whose mean is its score, and scores of the patches."""

    def __init__(self) -> None:
        super().__init__(front=CLASSES)
        self.head, self.pool = nn.Conv2d(WIDTH, CLASSES, 3, 1, 1), nn.AdaptiveAvgPool2d(1)

    def forward(self, x: Tensor, return_att: bool = False) -> tuple[Tensor, ...]:
        x, attention, _ = self.encode(x)
        maps = self.head(self.grid(x))
        scores = x[:, : self.front].mean(-1), self.pool(maps).flatten(1)
        return (*scores, maps.relu(), torch.stack(attention)) if return_att else scores

    def cams(self, x: Tensor) -> Tensor:
        return self(x, return_att=True)[2]


class Weighted(ClassTokens):
    """WeakTr: maps refined by the attention of all heads, weighted by a small network, with scores of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.weigh = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6), nn.Sigmoid())

    def forward(self, x: Tensor, return_att: bool = False) -> tuple[Tensor, ...]:
        x, attention, _ = self.encode(x)
        maps = self.head(self.grid(x))
        heads = torch.cat(attention, 1)  # (N, blocks * heads, T, T)
        heads = (self.weigh(heads.mean((2, 3)))[:, :, None, None] * heads).mean(1)
        near, own = heads[:, self.front :, self.front :], heads[:, : self.front, self.front :]
        refined = (near @ (maps.relu().flatten(2) * own).transpose(1, 2)).transpose(1, 2).unflatten(2, maps.shape[2:])
        scores = x[:, : self.front].mean(-1), maps.mean((2, 3)), refined.mean((2, 3))
        return (*scores, maps.relu()) if return_att else scores

    def cams(self, x: Tensor) -> Tensor:
        return self(x, return_att=True)[3]


class Contrasted(Tokens):
    """ToCo: the maximum of the patches' features is classified, of an earlier block, too; a decoder beside."""

    def __init__(self) -> None:
        super().__init__(front=1)
        self.classifier, self.aux = (nn.Conv2d(WIDTH, CLASSES, 1, bias=False) for _ in range(2))
        self.decoder = nn.Conv2d(WIDTH, CLASSES + 1, 3, 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x, _, each = self.encode(x)
        last, earlier = self.grid(x), self.grid(each[1])
        scores = self.classifier(F.adaptive_max_pool2d(last, 1)).flatten(1)
        aux = self.aux(F.adaptive_max_pool2d(earlier, 1)).flatten(1)
        return scores, self.decoder(last), last, aux

    def cams(self, x: Tensor) -> Tensor:
        return self.classifier(self(x)[2]).relu()


class Affinity(nn.Module):
    """AFA: convolutions between stages of attention, the maximum classified, affinity of the attention, a decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.img_size = SIZE
        self.embed = nn.ModuleList([nn.Conv2d(3, WIDTH, 7, 4, 3), nn.Conv2d(WIDTH, WIDTH, 3, 1, 1)])
        self.blocks = nn.ModuleList(Block() for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(2))
        self.classifier = nn.Conv2d(WIDTH, CLASSES, 1, bias=False)
        self.decoder, self.affinity = nn.Conv2d(2 * WIDTH, CLASSES + 1, 1), nn.Conv2d(4, 1, 1)

    def forward(self, x: Tensor, cam_only: bool = False) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        grids, attention = [], []
        for embed, block, norm in zip(self.embed, self.blocks, self.norms, strict=True):
            x = embed(x)
            size = x.shape[2:]
            x, weights = block(x.flatten(2).transpose(1, 2))
            x = norm(x).transpose(1, 2).unflatten(2, size).contiguous()
            grids.append(x)
            attention.append(weights)
        if cam_only:
            return self.classifier(x).relu()
        pairs = torch.cat(attention, 1)
        affinity = self.affinity(pairs + pairs.transpose(2, 3)).sigmoid()[:, 0]
        scores = self.classifier(F.adaptive_max_pool2d(x, 1)).flatten(1)
        return scores, self.decoder(torch.cat(grids, 1)), affinity

    def cams(self, x: Tensor) -> Tensor:
        return self(x, cam_only=True)


class Hybrid(nn.Module):
    """Conformer, as in TransCAM: branches of convolutions and of attention that add to each other, a head for each."""

    def __init__(self) -> None:
        super().__init__()
        self.img_size = SIZE
        self.stem, self.patch = stage(3, 8), nn.Conv2d(8, WIDTH, 2, 2)
        self.token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.convs = nn.ModuleList([stage(8, WIDTH), nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 3, 1, 1), nn.ReLU())])
        self.blocks = nn.ModuleList(Block() for _ in range(2))
        self.up, self.down = (nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 1) for _ in range(2)) for _ in range(2))
        self.conv_head, self.token_head = nn.Conv2d(WIDTH, CLASSES, 1, bias=False), nn.Linear(WIDTH, CLASSES)
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.stem(x)
        tokens = self.patch(x)
        size = tokens.shape[2:]
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens.flatten(2).transpose(1, 2)], 1)
        for conv, block, up, down in zip(self.convs, self.blocks, self.up, self.down, strict=True):
            x = conv(x)
            tokens, _ = block(tokens + F.pad(down(x).flatten(2).transpose(1, 2), (0, 0, 1, 0)))
            x = x + up(tokens[:, 1:].transpose(1, 2).unflatten(2, size))
        maps = self.conv_head(x)
        return maps.mean((2, 3)), self.token_head(self.norm(tokens)[:, 0]), maps

    def cams(self, x: Tensor) -> Tensor:
        return self(x)[2].relu()


class Frozen(nn.Module):
    """DINO: a frozen encoder of images, and a head that learns, on the mean of its patches."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.head = Tokens(front=1), nn.Linear(WIDTH, CLASSES)
        self.encoder.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder.encode(x)[0][:, 1:].mean(1))

    def cams(self, x: Tensor) -> Tensor:
        return cams(self.encoder.grid(self.encoder.encode(x)[0]), self.head.weight)


class SequenceFirst(nn.Module):
    """CLIP's transformer: tokens come first, then images; a class token is projected onto text embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.img_size = SIZE
        self.patch, self.token = nn.Conv2d(3, WIDTH, PATCH, PATCH, bias=False), nn.Parameter(torch.randn(1, 1, WIDTH))
        self.place = nn.Parameter(torch.randn(1 + (SIZE // PATCH) ** 2, 1, WIDTH) / 4)
        self.pre, self.post = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        layers = [nn.TransformerEncoderLayer(WIDTH, 4, 2 * WIDTH, 0.0, norm_first=True) for _ in range(3)]
        self.blocks = nn.Sequential(*layers)
        self.register_buffer('text', F.normalize(torch.randn(CLASSES, WIDTH), dim=1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).permute(2, 0, 1)
        x = self.blocks(self.pre(torch.cat([self.token.expand(-1, x.shape[1], -1), x]) + self.place))
        return 10 * F.normalize(self.post(x[0]), dim=1) @ self.text.T
