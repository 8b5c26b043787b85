import pytest
import timm
import torch
import torchvision
from pytorch_grad_cam.activations_and_gradients import ActivationsAndGradients
from torch import Tensor, nn

from gain_plugin import GAIN
from gain_plugin.layers import find_layers, to_grid

# a model of each kind: name in timm (t.: torchvision), arguments, target layer, score layer, grid
FOUND = [
    ('test_resnet', {}, 'layer4', 'fc', (5, 5)),
    ('densenet121', {}, 'features', 'classifier', (7, 7)),
    ('tf_efficientnet_lite0', {'output_stride': 16}, 'bn2', 'classifier', (14, 14)),
    ('test_convnext', {}, 'stages', 'head.fc', (5, 5)),
    ('test_mambaout', {}, 'stages', 'head.fc', (5, 5)),  # (N, h, w, C)
    ('swin_tiny_patch4_window7_224', {'img_size': 64, 'window_size': 2}, 'norm', 'head.fc', (2, 2)),
    ('test_vit', {}, 'blocks.5.norm1', 'head', (10, 10)),  # class token
    ('test_vit', {'global_pool': 'avg', 'class_token': False}, 'blocks', 'head', (10, 10)),
    ('deit_tiny_distilled_patch16_224', {'img_size': 64}, 'blocks.11.norm1', '', (4, 4)),  # two heads
    ('vit_tiny_r_s16_p8_224', {'img_size': 64}, 'blocks.11.norm1', 'head', (2, 2)),  # convolutions below
    ('mixer_s32_224', {}, 'norm', 'head', (7, 7)),
    ('crossvit_tiny_240', {}, 'blocks.2.fusion.1.norm1', '', (20, 20)),  # two scales that never meet
    ('t.googlenet', {'aux_logits': True, 'init_weights': False}, 'inception5b', 'fc', (7, 7)),
    ('t.vit_b_16', {'image_size': 64}, 'encoder.layers.encoder_layer_11.ln_1', 'heads.head', (4, 4)),
    ('test_coatnet', {}, 'norm', 'head.fc', (5, 5)),
]
KINDS = [f'{name}{" " if options else ""}{",".join(options)}' for name, options, *_ in FOUND]


def build(name: str, options: dict) -> nn.Module:
    if name.startswith('t.'):
        model = torchvision.models.get_model(name[2:], num_classes=3, **options)
    else:
        model = timm.create_model(name, num_classes=3, **options)
    for parameter in model.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)  # a head that begins at zero has no maps
    return model


@pytest.mark.parametrize(('name', 'options', 'target', 'score', 'grid'), FOUND, ids=KINDS)
def test_finds_the_layers_maps_as_grad_cam_does_and_trains(name, options, target, score, grid):
    model = build(name, options).eval()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    found = find_layers(model)
    assert (found.target, found.score) == (target, score)
    assert grid in [(entry.height, entry.width) for entry in found.grids if entry.name == target]

    gain = GAIN(model).eval()
    images = torch.randn(1, 3, *found.image_size)
    before = model(images)
    maps = gain.attention(images, torch.ones(1, 3))
    for cls in range(3):
        expected = grad_cam(model, target, images, cls)
        if maps[cls].any() or expected.any():
            assert torch.corrcoef(torch.stack([maps[cls].flatten(), expected.flatten()]))[0, 1] > 0.999
    assert maps.any()

    assert model(images).equal(before)
    assert list(model.state_dict()) == list(state)
    assert all(value.equal(state[key]) for key, value in model.state_dict().items())
    assert not any(module._forward_hooks or module.training for module in model.modules())

    gain(images, torch.ones(1, 3))[1]['loss_am'].backward()
    assert any(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


def grad_cam(model: nn.Module, layer: str, images: Tensor, cls: int) -> Tensor:
    """The map of pytorch-grad-cam's recorder, with its mean of gradients and ReLU."""
    size = tuple(images.shape[-2:])
    recorder = ActivationsAndGradients(model, [model.get_submodule(layer)], lambda values: to_grid(values, size))
    recorder(images)[0, cls].backward()
    (features,), (gradients,) = recorder.activations, recorder.gradients
    recorder.release()
    model.zero_grad()
    return (gradients.mean((2, 3), keepdim=True) * features).sum(1)[0].relu()


class Corner(nn.Module):
    """A network whose class 0 is a bright spot, in one of the layouts."""

    def __init__(self, layout: str, prefix: int = 0) -> None:
        super().__init__()
        self.layout, self.prefix = layout, prefix
        self.stem = nn.AvgPool2d(4)
        self.grid = nn.Tanh()
        self.head = nn.Linear(3, 2)
        nn.init.ones_(self.head.weight)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images)
        if self.layout == 'NCHW':
            return self.head(self.grid(x).mean((2, 3)))
        x = x.permute(0, 2, 3, 1)
        if self.layout == 'NHWC':
            return self.head(self.grid(x).mean((1, 2)))
        tokens = torch.cat([x.new_ones(len(x), self.prefix, 3), x.flatten(1, 2)], 1)
        return self.head(self.grid(tokens)[:, self.prefix :].mean(1))


@pytest.mark.parametrize(('layout', 'prefix'), [('NCHW', 0), ('NHWC', 0), ('tokens', 0), ('tokens', 1), ('tokens', 5)])
def test_maps_stand_upright_on_images_that_are_not_square(layout, prefix):
    model = GAIN(Corner(layout, prefix), target_layer='grid').eval()
    images = torch.zeros(1, 3, 32, 48)
    images[:, :, 4:8, 40:44] = 1  # row 1, column 10 of 8 x 12
    labels = torch.tensor([[1, 0]])
    (upright,) = model.attention(images, labels)
    assert upright.shape == (8, 12)
    assert divmod(int(upright.argmax()), 12) == (1, 10)
    (flipped,) = model.attention(images.flip(-1), labels)
    assert flipped.equal(upright.flip(-1))


def test_a_grid_that_cannot_be_read_is_named():
    assert to_grid(torch.zeros(1, 197, 8), (224, 224)).shape == (1, 8, 14, 14)
    assert to_grid(torch.zeros(1, 121, 8), (160, 192)).shape == (1, 8, 10, 12)
    assert to_grid(torch.zeros(1, 11, 13, 8), (167, 193)).shape == (1, 8, 11, 13)
    with pytest.raises(ValueError, match=r'cannot read a grid from \(2, 7\) for images of 64 x 64: give reshape='):
        to_grid(torch.zeros(2, 7), (64, 64))
    for features in (torch.zeros(1, 8, 3, 40), torch.zeros(1, 384, 196)):  # 384 is 4 + 19 * 20
        with pytest.raises(ValueError, match='cannot read a grid'):
            to_grid(features, (64, 64))


def test_a_reshape_of_ones_own_overrides():
    model = Corner('NHWC')
    images, labels = torch.rand(1, 3, 32, 48), torch.tensor([[1, 0]])
    own = GAIN(model, target_layer='grid', reshape=lambda x: x.permute(0, 3, 1, 2)).attention(images, labels)
    assert own.equal(GAIN(model, target_layer='grid').attention(images, labels))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'num_classes': 0}, 'no scores .* build it with num_classes=K'),
        ({'global_pool': ''}, r'gives \(1, 101, 3\) and no scores'),
    ],
)
def test_models_without_scores_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        GAIN(timm.create_model('test_vit', **{'num_classes': 3, **options}))


def test_models_without_a_grid_or_of_another_size_are_refused():
    with pytest.raises(ValueError, match='no layer with a grid larger than 1 x 1'):
        GAIN(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)))
    with pytest.raises(ValueError, match=r'failed on a probing image \(1, 3, 224, 224\).*name target_layer'):
        GAIN(nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2)))


def test_attention_is_differentiated_twice_and_the_kernels_are_as_before():
    before = torch.backends.cuda.flash_sdp_enabled()
    model = timm.create_model('test_vit', num_classes=2)
    gain = GAIN(model)
    gain(torch.randn(2, 3, 160, 160), torch.eye(2))[1]['loss_am'].backward()
    assert model.patch_embed.proj.weight.grad.any()
    assert torch.backends.cuda.flash_sdp_enabled() == before


def test_gradient_checkpointing_gives_the_same_gradients_or_is_refused():
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        model = timm.create_model('test_resnet', num_classes=2)
        model.set_grad_checkpointing(checkpointing)
        scores, losses = GAIN(model, scorer='frozen')(torch.randn(2, 3, 160, 160), torch.eye(2))
        (scores.sum() + losses['loss_am']).backward()
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in model.parameters()]))
    torch.testing.assert_close(*gradients)
    with pytest.raises(ValueError, match="checkpointing .* scorer='frozen'"):
        GAIN(model)
    model = timm.create_model('test_vit', num_classes=2)
    model.set_grad_checkpointing()
    with pytest.raises(ValueError, match='second_order=False'):
        GAIN(model, scorer='frozen')
    gain = GAIN(model, scorer='frozen', second_order=False)
    gain(torch.randn(2, 3, 160, 160), torch.eye(2))[1]['loss_am'].backward()
