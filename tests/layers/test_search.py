"""Networks in the forms in which public code writes them."""

import copy
import random
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gain_plugin import CAM
from gain_plugin.layers import ProbeError, find_layers


class Block(nn.Module):
    """A block of attention that gives its tokens, or these and the attention."""

    def __init__(self, width: int = 16, attention: bool = False) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        q, k, v = self.qkv(self.norm1(x)).chunk(3, -1)
        weights = (q @ k.transpose(1, 2) / q.shape[-1] ** 0.5).softmax(-1)
        x = x + self.proj(weights @ v)
        x = x + self.mlp(self.norm2(x))
        return (x, weights) if self.attention else x


class Transformer(nn.Module):
    """Patches of 8 pixels with ``front`` tokens in front and ``behind`` behind; ``read`` makes scores of the tokens."""

    def __init__(self, read, front: int = 1, behind: int = 0, depth: int = 3, **options: bool) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 8, 8)
        self.front = nn.Parameter(torch.randn(1, front, 16))
        self.behind = nn.Parameter(torch.randn(1, behind, 16))
        self.drop = nn.Dropout(0.0)
        self.blocks = nn.ModuleList(Block(**options) for _ in range(depth))
        self.norm = nn.LayerNorm(16)
        nn.init.normal_(self.norm.weight)  # else the mean over its channels is zero
        self.head = nn.Linear(16, 3)
        self.read = read

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = self.drop(torch.cat([self.front.expand(len(x), -1, -1), x, self.behind.expand(len(x), -1, -1)], 1))
        for block in self.blocks:
            x = block(x)
            x = x if isinstance(x, Tensor) else x[0]
        return self.read(self, self.norm(x))


def class_token(model: Transformer, x: Tensor) -> Tensor:
    return model.head(x[:, 0])


def tokens_of_classes(model: Transformer, x: Tensor) -> Tensor:
    return x[:, :3].mean(-1)


@pytest.mark.parametrize(('front', 'behind'), [(1, 0), (5, 0), (51, 0), (80, 0), (1, 20), (1, 1)])
def test_tokens_of_the_image_are_told_from_others(front, behind):
    found = find_layers(Transformer(class_token, front, behind))
    assert found.target == 'blocks.2.norm1'
    assert (found.layout.prefix, found.layout.suffix, found.layout.grid) == (front, behind, (28, 28))
    assert found.layout.stride == (8, 8) and not found.layout.fixed


@pytest.mark.parametrize('attention', [False, True])
def test_scores_of_class_tokens(attention):
    """In the form of MCTformer and WeakTr: a token for each class, blocks that give their attention, too."""
    model = Transformer(tokens_of_classes, front=3, attention=attention)
    found = find_layers(model)
    assert (found.target, found.layout.prefix, found.layout.grid) == ('blocks.2.norm1', 3, (28, 28))


def test_the_mean_of_normalised_class_tokens_is_no_constant_to_the_search():
    """Behind a new LayerNorm it is 0 whatever the image, up to rounding."""
    for seed in range(12):
        torch.manual_seed(seed)
        model = Transformer(tokens_of_classes, front=3)
        model.img_size = 64
        assert find_layers(model).target == 'blocks.2.norm1'


def test_the_tokens_in_a_tuple_are_read():
    model = Transformer(lambda model, x: model.head(x[:, 1:].mean(1)), attention=True)
    assert find_layers(model).target == 'norm'
    assert find_layers(model, target_layer='blocks.2').layout.grid == (28, 28)


class SequenceFirst(nn.Module):
    """Tokens (T, N, C), as in CLIP."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.token = nn.Conv2d(3, 16, 8, 8), nn.Parameter(torch.randn(1, 1, 16))
        self.pre = nn.LayerNorm(16)
        layers = [nn.TransformerEncoderLayer(16, 4, 32, 0.0, norm_first=True) for _ in range(3)]
        self.blocks, self.head = nn.Sequential(*layers), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).permute(2, 0, 1)
        return self.head(self.blocks(self.pre(torch.cat([self.token.expand(-1, x.shape[1], -1), x])))[0])


def test_tokens_come_first():
    found = find_layers(SequenceFirst())
    assert (found.target, found.layout.form, found.layout.prefix) == ('blocks.2.norm1', 'TNC', 1)


class Ordered(nn.Module):
    """Tokens in an order of their own, after convolutions that have the image's."""

    def __init__(self, order) -> None:
        super().__init__()
        self.stem, self.stage = nn.Conv2d(3, 8, 8, 8), nn.Conv2d(8, 8, 3, 1, 1)
        self.tokens, self.head = nn.LayerNorm(8), nn.Linear(8, 2)
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.tokens(self.order(self.stage(self.stem(x)))).mean(1))


def windows(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return x.view(n, c, 4, h // 4, 4, w // 4).permute(0, 2, 4, 3, 5, 1).reshape(n, h * w, c)


ORDERS = {
    'columns': lambda x: x.flatten(2).transpose(1, 2).unflatten(1, x.shape[2:]).transpose(1, 2).flatten(1, 2),
    'upside down': lambda x: x.flip(2).flatten(2).transpose(1, 2),
    'windows': windows,
    'drawn': lambda x: x.flatten(2).transpose(1, 2)[:, torch.randperm(784, generator=torch.Generator().manual_seed(0))],
}


@pytest.mark.parametrize('order', ORDERS)
def test_tokens_in_another_order_are_passed_over_or_refused(order):
    model = Ordered(ORDERS[order])
    assert find_layers(model).target == 'stage'
    with pytest.raises(ValueError, match=r"'tokens' gives, \(1, 784, 8\), lies in another order .* give reshape="):
        find_layers(model, target_layer='tokens')


def test_tokens_in_the_order_of_rows_are_taken():
    assert find_layers(Ordered(lambda x: x.flatten(2).transpose(1, 2))).target == 'tokens'


class TwoHeads(nn.Module):
    """Convolutions and attention side by side behind one stem, each with scores of its own, as in Conformer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 8, 8)
        self.convs = nn.ModuleList(nn.Conv2d(16, 16, 3, 1, 1) for _ in range(3))
        self.blocks = nn.ModuleList(Block() for _ in range(3))
        self.conv_head, self.token_head = nn.Linear(16, 3), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        tokens = x.flatten(2).transpose(1, 2)
        for conv, block in zip(self.convs, self.blocks, strict=True):
            x, tokens = conv(x).relu(), block(tokens)
        return self.conv_head(x.mean((2, 3))) + self.token_head(tokens.mean(1))


def test_of_two_branches_with_scores_the_deepest_is_taken():
    found = find_layers(TwoHeads())
    assert found.target in ('blocks.2', 'convs.2')
    assert found.share > 0.5


def test_a_part_of_the_sum_of_two_heads_is_scored_behind_a_word():
    class Worded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = TwoHeads()

        def forward(self, word: str, x: Tensor) -> Tensor:
            return self.net(x)

    class ImagesFirst(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.worded = Worded()

        def forward(self, x: Tensor) -> Tensor:
            return self.worded('word', x)

    found = find_layers(ImagesFirst(), scores=lambda output: output[:, 1:])
    assert found.target in ('worded.net.blocks.2', 'worded.net.convs.2')


class Views(nn.Module):
    """An image and its mirror image through one trunk, and whatever lies in front of it."""

    def __init__(self, front: nn.Module) -> None:
        super().__init__()
        self.front, self.trunk = front, nn.Sequential(*(nn.Conv2d(3, 3, 3, 1, 1) for _ in range(5)))
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.front(x)
        return sum(self.head(self.trunk(view).mean((2, 3))) for view in (x, x.flip(-1)))


@pytest.mark.parametrize('front', [nn.Identity(), nn.BatchNorm2d(3), nn.Conv2d(3, 3, 3, 2)])
def test_a_layer_that_fires_for_two_views_is_refused_by_name(front):
    with pytest.raises(ValueError, match="layer 'trunk.*' fires more than once in a pass, 2 times"):
        find_layers(Views(front))
    with pytest.raises(ValueError, match="layer 'trunk' fires more than once"):
        find_layers(Views(front), target_layer='trunk')


def network(*behind: nn.Module) -> nn.Sequential:
    trunk = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU())
    return nn.Sequential(trunk, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2), *behind)


@pytest.mark.parametrize(
    ('end', 'name'), [(nn.Sigmoid(), 'sigmoid'), (nn.Softmax(1), 'softmax'), (nn.LogSoftmax(1), 'log_softmax')]
)
def test_probabilities_are_refused_and_logits_taken(end, name):
    model = network(end)
    with pytest.raises(ValueError, match=f'come out of a {name}, .* name the score_layer'):
        find_layers(model)
    with pytest.raises(ValueError, match=f'come out of a {name},'):
        find_layers(model, target_layer='0')
    found = find_layers(model, score_layer='3')
    assert (found.target, found.score) == ('0', '3')


class Cut(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stage1, self.stage2, self.head = nn.Conv2d(3, 8, 8, 8), nn.Conv2d(8, 8, 3, 1, 1), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.stage2(self.stage1(x).detach()).mean((2, 3)))


def test_a_cut_between_images_and_scores_is_found():
    found = find_layers(Cut())
    assert (found.target, found.cut) == ('stage2', 'stage1')
    assert find_layers(network()).cut is None


def test_grids_of_another_proportion_than_the_image():
    model = nn.Sequential(
        *(nn.Conv2d(1, 8, (1, 9)), nn.ReLU(), nn.MaxPool2d((1, 2)), nn.Conv2d(8, 8, (1, 9)), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)),
    )
    found = find_layers(model, images=torch.randn(1, 1, 62, 375))
    assert (found.target, found.layout.grid) == ('4', (62, 175))


@pytest.mark.parametrize('channels', [1, 2, 5, 30])
def test_images_of_other_channels(channels):
    model = network().double()
    model[0][0] = nn.Conv2d(channels, 8, 3, 2, 1).double()
    assert find_layers(model).target == '0'


class Resizing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Transformer(class_token)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(F.interpolate(x, (64, 64)))


def test_a_model_that_resizes_keeps_its_grid():
    layout = find_layers(Resizing()).layout
    assert layout.fixed and layout.grid == (8, 8)


class Called(nn.Module):
    """Overrides ``__call__``, so that hooks on it never fire."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = network()

    def __call__(self, x: Tensor) -> Tensor:
        return self.inner(x) * 2


def test_a_model_that_overrides_call():
    found = find_layers(Called())
    assert (found.target, found.score) == ('inner.0', '')


class Untidy(nn.Module):
    """Writes into its input, and keeps a loss, a list and a batch size; draws from all generators."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = network()
        self.loss, self.seen, self.kept, self.count = None, [1], {'of': [2]}, torch.zeros(3)

    def forward(self, x: Tensor) -> Tensor:
        x.sub_(0.5)
        scores = self.inner(x) + torch.rand(1) + random.random() + np.random.rand()
        self.loss, self.batch = scores.sum(), len(x)
        self.seen.append(self.loss)
        self.kept['of'].append(3)
        self.count += 1
        return scores


def test_a_look_leaves_no_trace():
    model = Untidy()
    images = torch.randn(1, 3, 32, 32)
    given = images.clone()
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    found = find_layers(model, images=images)
    assert found.target == 'inner.0' and found.writes_input
    assert images.equal(given)
    assert (model.loss, model.seen, model.kept) == (None, [1], {'of': [2]})
    assert not hasattr(model, 'batch') and not model.count.any()
    assert torch.get_rng_state().equal(before[0])
    assert random.getstate() == before[1] and (np.random.get_state()[1] == before[2]).all()
    assert all(module.training for module in model.modules())
    assert not find_layers(network()).writes_input


def test_a_class_token_beside_a_maximum_is_looked_at_in_front_of_its_attention():
    model = Transformer(lambda model, x: model.head(x[:, 0]) + model.head(x[:, 1:]).amax(1))
    assert find_layers(model).target == 'blocks.2.norm1'
    model.read = lambda model, x: model.head(x[:, 1:]).amax(1)
    assert find_layers(model).target == 'norm'


class Headed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.head = network()[0], nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.trunk(x).mean((2, 3)))


def test_a_copy_that_a_model_makes_of_a_layer_is_another():
    class Copying(Headed):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.head(self.trunk(x).mean((2, 3))), copy.deepcopy(self.trunk)(x.flip(-1))

    assert find_layers(Copying(), scores=lambda output: output[0]).target == 'trunk'


@pytest.mark.parametrize('in_place', [False, True])
def test_a_relu_that_is_no_layer_belongs_to_the_target(in_place):
    class Functional(Headed):
        def __init__(self) -> None:
            super().__init__()
            self.last, self.pool = nn.Conv2d(8, 8, 3), nn.AdaptiveAvgPool2d(1)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.pool(F.relu(self.last(self.trunk(x)), inplace=in_place)).flatten(1))

    assert find_layers(Functional()).target == 'pool:input'


class Activated(Headed):
    """A ReLU and a pooling that are no layers, as torchvision's DenseNet ends; ``raw``: something else has a look."""

    def __init__(self, *, in_place: bool = False, raw: bool = False) -> None:
        super().__init__()
        self.last, self.in_place, self.raw = nn.Conv2d(8, 8, 3), in_place, raw

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        x = self.last(self.trunk(x))
        scores = self.head(F.relu(x, inplace=self.in_place).mean((2, 3)))
        return (scores, x.abs()) if self.raw else scores


@pytest.mark.parametrize('in_place', [False, True])
def test_a_relu_in_front_of_a_pooling_that_is_no_layer_belongs_to_the_target(in_place):
    model = Activated(in_place=in_place)
    assert find_layers(model).target == 'last:relu'
    assert find_layers(model, target_layer='last:relu').layout == find_layers(model, target_layer='last').layout


def test_a_relu_does_not_belong_to_features_that_something_else_uses():
    model = Activated(raw=True)
    assert find_layers(model, scores=lambda output: output[0]).target == 'last'
    with pytest.raises(ValueError, match="'last:relu': what this layer gives does not go into a ReLU alone"):
        find_layers(model, target_layer='last:relu', scores=lambda output: output[0])


@pytest.mark.parametrize('pool', [lambda x: x.amax((2, 3)), lambda x: x.flatten(2).topk(3)[0].mean(2)])
def test_few_cells_have_a_gradient_where_the_largest_are_taken(pool):
    class Largest(Headed):
        def forward(self, x: Tensor) -> Tensor:
            return self.head(pool(self.trunk(x)))

    assert find_layers(Largest()).target == 'trunk'


def test_layers_that_run_again_are_told():
    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk, self.head = network()[0], nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = torch.utils.checkpoint.checkpoint(self.trunk, x, use_reentrant=False)
            return self.head(x.mean((2, 3)))

    assert find_layers(Checkpointed()).recomputes
    assert not find_layers(network()).recomputes


def test_shallow_targets_are_told():
    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.inner = nn.Conv2d(3, 8, 8, 8), nn.Sequential(*(nn.Linear(8, 8) for _ in range(8)))

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(self.stem(x).mean((2, 3)))

    with pytest.warns(UserWarning, match=r"'stem', has only 11% .* name a later target_layer"):
        assert find_layers(Pooled()).share == pytest.approx(1 / 9)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        find_layers(Pooled(), target_layer='stem')


def test_volumes_and_scripts_are_refused():
    volumes = nn.Sequential(nn.Conv3d(1, 8, 3), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(8, 2))
    for options in ({}, {'target_layer': '0'}, {'target_layer': '0', 'reshape': lambda x: x.flatten(2, 3)}):
        with pytest.raises(ValueError, match=r'volumes or videos \(N, C, D, H, W\).* slices or frames'):
            find_layers(volumes, **options)
    images = torch.randn(1, 3, 32, 32)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        traced = torch.jit.trace(network(), images)
    with pytest.raises(ValueError, match='traced by TorchScript'):
        find_layers(traced)


def test_a_real_batch_helps_where_noise_does_not():
    model = nn.Sequential(network()[0], nn.Flatten(), nn.Linear(8 * 8 * 8, 2))
    with pytest.raises(ProbeError, match=r'failed on a probing image \(1, 3, 224, 224\)'):
        find_layers(model)
    assert find_layers(model, images=torch.randn(2, 3, 32, 32)).target == '0'


class Head(nn.Module):
    """Averages over the grid, behind a functional ReLU or none."""

    def __init__(self, rectified: bool) -> None:
        super().__init__()
        self.rectified = rectified
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc((F.relu(x) if self.rectified else x).mean((2, 3)))


class Branches(nn.Module):
    """Deep branches of a stem that are added, beside each other or one after another."""

    def __init__(self, residual: bool) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 4, 1)
        deep = [nn.Sequential(*(nn.Conv2d(8, 8, 3, 1, 1) for _ in range(4))) for _ in range(2)]
        self.branches = nn.ModuleList(deep)
        self.residual = residual
        self.head = Head(rectified=residual)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images)
        if not self.residual:
            return self.head(sum(branch(x) for branch in self.branches))
        for branch in self.branches:
            x = x + branch(x)
        return self.head(x)


@pytest.mark.parametrize('residual', [False, True])
def test_of_branches_that_are_added_the_sum_is_looked_at(residual):
    cam = CAM(Branches(residual)).eval()
    assert cam.target_layer == 'head:input'
    assert cam.attention(torch.randn(1, 3, 32, 32), torch.tensor([[1, 0, 0]])).shape == (1, 8, 8)
