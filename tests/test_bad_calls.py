"""Calls and settings with something wrong in them: each is refused, with the name of what is wrong."""

import threading

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from gain_plugin import (
    CAM,
    EMA,
    GAIN,
    GAINLoss,
    Scorer,
    attention_maps,
    blur,
    erase,
    extra_loss,
    mining_loss,
    soft_mask,
)
from gain_plugin.masks import pair_masks

LAYERS = {'target_layer': 'features', 'score_layer': ''}
NAN, INF = float('nan'), float('inf')
LABELS = torch.tensor([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1]])
ONE_EACH = torch.eye(3, dtype=torch.long)[[0, 1, 2, 0]]  # as many pairs as images
PAIRS = LABELS.nonzero()
IMAGES = torch.randn(4, 3, 16, 18, generator=torch.Generator().manual_seed(0))
CLASSES = torch.arange(4 * 16 * 18).view(4, 16, 18) % 4


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'sigma': 50}, 'sigma must be in 0..1, where maps are, got 50'),
        ({'sigma': -0.1}, 'sigma must be in 0..1'),
        ({'sigma': NAN}, 'sigma must be in 0..1'),
        ({'sigma': None}, 'sigma must be in 0..1, where maps are, got None'),
        ({'sigma': '0.5'}, "sigma must be in 0..1, where maps are, got '0.5'"),
        ({'sigma': True}, 'sigma must be in 0..1'),
        ({'omega': -10}, 'omega must be above 0, or None .* got -10'),
        ({'omega': 0}, 'omega must be above 0'),
        ({'omega': NAN}, 'omega must be above 0'),
        ({'omega': INF}, 'omega must be above 0'),
        ({'omega': 1e-3}, 'omega=0.001 erases all pixels alike, whatever the map: take 0.1 or more'),
        ({'omega': '10'}, "omega must be above 0, .* got '10'"),
        ({'omega': 1e9}, r'omega=1e\+09 is a step, through which no gradient comes: take 1000 at most'),
        ({'fill': 'grey'}, "fill must be one of .* or a function or an object of your own, got 'grey'"),
        ({'fill': 3}, 'fill must be one of .* or a function or an object of your own, got 3'),
        ({'scorer': 'own'}, "scorer must be one of .* got 'own'"),
        ({'scorer': 3}, 'scorer must be one of .* got 3'),
        ({'one_class': 'no'}, "one_class must be True or False, got 'no'"),
        ({'second_order': 0}, 'second_order must be True or False, got 0'),
        ({'reshape': 3}, 'reshape must be a function, got 3'),
        ({'scores': 'logits'}, "scores must be a function, got 'logits'"),
        ({'weigh': 'gradcam'}, "weigh must be a function, got 'gradcam'"),
        ({'score_kwargs': 'tensor'}, "score_kwargs must be keyword arguments, .* got 'tensor'"),
        ({'target_layer': 3}, r'a layer must be named as in named_modules\(\), got 3'),
        ({'target_layer': 'featurs'}, "no layer 'featurs'; closest: 'features'"),
        ({'score_layer': 'head'}, "no layer 'head'"),
        ({'loss': 3}, r'loss must be a module, as GAINLoss\(\), or several, got 3'),
        ({'loss': 'GAINLoss'}, "loss must be a module, .* got 'GAINLoss'"),
        ({'loss': []}, 'loss has no term'),
    ],
)
def test_settings(tiny, settings, message):
    with pytest.raises(ValueError, match=message):
        GAIN(tiny(), **{**LAYERS, **settings})


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'alpha': -1}, 'alpha must be a finite number of 0 or more, got -1'),
        ({'alpha': NAN}, 'alpha must be a finite number of 0 or more, got nan'),
        ({'alpha': INF}, 'alpha must be a finite number'),
        ({'alpha': '1'}, "alpha must be a finite number of 0 or more, got '1'"),
        ({'ext_weight': -1}, 'ext_weight must be a finite number'),
        ({'ext_weight': None}, 'ext_weight must be a finite number of 0 or more, got None'),
        ({'mining': 'BCE'}, "mining must be one of .* got 'BCE'"),
        ({'mining': None}, 'mining must be one of .* got None'),
        ({'ext_form': 'l3'}, "ext_form must be one of .* got 'l3'"),
    ],
)
def test_settings_of_the_loss(settings, message):
    with pytest.raises(ValueError, match=message):
        GAINLoss(**settings)


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        ((IMAGES.numpy(), LABELS), r'images must be a tensor \(N, C, H, W\), got a ndarray'),
        ((list(IMAGES), LABELS), 'images must be a tensor .* got a list'),
        ((IMAGES[0], LABELS), r'images must be \(N, C, H, W\), got \(3, 16, 18\): stack them'),
        ((IMAGES.byte(), LABELS), 'images must be normalised, with floats, got torch.uint8: divide by 255'),
        ((LABELS[:, :, None, None], IMAGES), 'images must be normalised'),
        ((IMAGES * NAN, LABELS), 'scores are not finite: .* look for NaN in images and weights'),
        ((IMAGES, LABELS.tolist()), r'labels must be a tensor, got a list: give torch.as_tensor\(labels\)'),
        ((IMAGES, LABELS.numpy()), 'labels must be a tensor, got a ndarray'),
        ((IMAGES, torch.tensor([0, 1, 2, 0])), r'labels must be multi-hot \(N, K\) = \(4, 3\), got \(4,\)'),
        ((IMAGES, LABELS[:3]), r'labels must be multi-hot \(N, K\) = \(4, 3\), got \(3, 3\)'),
        ((IMAGES, LABELS[:, :2]), 'labels have 2 classes, the classifier scores 3'),
        ((IMAGES, 2 * LABELS - 1), 'labels must be multi-hot: 0 or 1'),
        ((IMAGES, 0.5 * LABELS), 'labels must be multi-hot: 0 or 1'),
        ((IMAGES, NAN * LABELS), 'labels must be multi-hot: 0 or 1'),
        ((IMAGES, LABELS.to_sparse()), 'labels must be dense and 0 or 1, got torch.int64 of torch.sparse_coo'),
        ((IMAGES, LABELS.to(torch.complex64)), 'labels must be dense and 0 or 1, got torch.complex64'),
        ((IMAGES, ONE_EACH, CLASSES.to_sparse()), 'masks must be dense integers or floats, .* torch.sparse_coo'),
        ((IMAGES, ONE_EACH, CLASSES.to(torch.complex64)), 'masks must be dense integers or floats, got torch.complex'),
        ((IMAGES, ONE_EACH, [None] * 4), r'masks must be a tensor \(N, H, W\), got a list'),
        ((IMAGES, ONE_EACH, CLASSES.numpy()), 'masks must be a tensor'),
        ((IMAGES, ONE_EACH, CLASSES[:, None]), r'masks must have the size of their images, \(16, 18\)'),
        ((IMAGES, ONE_EACH, CLASSES[:, ::2, ::2]), r'size of their images, \(16, 18\), got \(4, 8, 9\)'),
        ((IMAGES, ONE_EACH, CLASSES[:3]), r'masks must be integers \(N, H, W\) with N = 4, got \(3, 16, 18\)'),
        ((IMAGES, ONE_EACH, CLASSES + 1), r'masks must be 0 \(background\), 1 to 3 \(class \+ 1\) or 255'),
        ((IMAGES, ONE_EACH, CLASSES - 1), r'masks must be 0 \(background\)'),
        ((IMAGES, ONE_EACH, CLASSES.float()), 'soft masks must be in 0..1, NaN where unknown, got 0 to 3'),
        ((IMAGES, ONE_EACH, (CLASSES > 1) * 255.0), 'soft masks must be in 0..1, NaN where unknown, got 0 to 255'),
        ((IMAGES, ONE_EACH, CLASSES > 1), 'masks must be integers .* of torch.bool'),
        ((IMAGES, LABELS, CLASSES / 3), 'masks must be one a positive label, 6, got 4'),
    ],
)
def test_batches(tiny, call, message):
    with pytest.raises(ValueError, match=message):
        GAIN(tiny(), **LAYERS)(*call)


def test_inputs(tiny):
    with pytest.raises(ValueError, match='inputs must be keyword arguments of the classifier, got a list'):
        GAIN(tiny(), **LAYERS)(IMAGES, LABELS, inputs=[IMAGES])


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: soft_mask(torch.rand(2, 3, 3), 0.5, -10), 'omega must be above 0'),
        (lambda: soft_mask(torch.rand(2, 3, 3), 50), 'sigma must be in 0..1'),
        (lambda: blur(IMAGES, 0), 'the size of a blur must be a multiple of 4, got 0'),
        (lambda: blur(IMAGES, 30), 'the size of a blur must be a multiple of 4, got 30'),
        (lambda: erase(IMAGES, torch.rand(3, 4, 4)), r'images must be \(P, C, H, W\) and mask \(P, h, w\)'),
        (lambda: mining_loss(torch.rand(6, 3), LABELS, PAIRS, 'l7'), "mining must be one of .* got 'l7'"),
        (lambda: mining_loss(torch.rand(5, 3), LABELS, PAIRS), 'one erased image a pair, got 5 scores and 6 pairs'),
        (lambda: mining_loss(torch.rand(6, 1), LABELS[:, :1], PAIRS * 0, 'softmax'), 'needs at least two classes'),
        (lambda: extra_loss(torch.rand(6, 4, 4), torch.rand(6, 8, 8), PAIRS, 4, 'l7'), "ext_form must .* got 'l7'"),
        (lambda: extra_loss(torch.rand(6, 4, 4), torch.rand(5, 8, 8), PAIRS, 4), 'masks must be one a positive label'),
        (lambda: pair_masks(CLASSES.float(), LABELS), 'masks must be integers'),
        (lambda: attention_maps(IMAGES, torch.rand(4, 3), LABELS), 'scores do not depend on features'),
        (lambda: attention_maps(IMAGES[:2], torch.rand(4, 3), LABELS), r'features must be \(N, C, h, w\) with N = 4'),
        (lambda: attention_maps(IMAGES, torch.rand(4), LABELS), r'scores must be \(N, K\), got \(4,\)'),
        (lambda: EMA(nn.Linear(2, 2), decay=2), 'decay must be in 0..1, got 2'),
        (lambda: EMA(nn.Linear(2, 2), decay='0.9'), "decay must be in 0..1, got '0.9'"),
        (lambda: EMA(nn.Linear(2, 2), decay=NAN), 'decay must be in 0..1, got nan'),
        (lambda: GAIN(None), 'the classifier must be a torch.nn.Module, got None'),
        (lambda: CAM(torch.relu), 'the classifier must be a torch.nn.Module'),
        (lambda: GAIN(nn.Sequential(nn.Flatten(), nn.Linear(150528, 3))), 'has no layer with a grid larger than 1 x 1'),
    ],
)
def test_functions(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_nothing_stands_for_probabilities_or_a_model_without_gradients(tiny):
    class Sure(tiny):
        def forward(self, images):
            return super().forward(images).sigmoid()

    with pytest.raises(ValueError, match=r'the scores of Sure come out of a sigmoid, and maps .* are of the logits'):
        GAIN(Sure(), **LAYERS)
    with torch.inference_mode():
        built = tiny()
    with pytest.raises(ValueError, match=r'built under torch.inference_mode\(\), so that no gradient can pass'):
        GAIN(built, **LAYERS)


def scorer_of(give):
    class Own(Scorer):
        def forward(self, cam, images, inputs):
            return give(cam.score(cam.classifier, images, inputs, torch.detach))

    return Own


def term_of(give):
    class Own(nn.Module):
        def forward(self, step):
            return give(step)

    return Own()


class Unprepared(Scorer):
    def __init__(self, classifier):
        pass


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'scorer': scorer_of(lambda scores: None)}, r'Own must give scores \(P, K\) = \(6, 3\), got a NoneType'),
        ({'scorer': scorer_of(lambda scores: scores[:, 0])}, r'scores \(P, K\) = \(6, 3\), got \(6,\)'),
        ({'scorer': scorer_of(lambda scores: scores[:, :2])}, r'scores \(P, K\) = \(6, 3\), got \(6, 2\)'),
        ({'scorer': scorer_of(lambda scores: scores.repeat(2, 1))}, r'= \(6, 3\), got \(12, 3\)'),
        ({'scorer': Unprepared}, r'Unprepared.__init__ must call super\(\).__init__\(classifier\) first'),
        ({'scorer': Scorer}, r'Scorer needs forward\(cam, images, inputs\)'),
        ({'fill': lambda images: None}, 'fill must give a tensor that broadcasts to the images .* got a NoneType'),
        ({'fill': lambda images: images[:, 0]}, r'broadcasts to the images \(4, 3, 16, 18\), got \(4, 16, 18\)'),
        ({'fill': lambda images: images.repeat(2, 1, 1, 1)}, r'got \(8, 3, 16, 18\)'),
        ({'weigh': lambda features, gradients: gradients.mean((0, 2, 3))[None]}, r'weigh must give .* got \(1, 5\)'),
        ({'weigh': lambda features, gradients: None}, 'weigh must give .* got a NoneType'),
        ({'loss': term_of(lambda step: step.maps.mean())}, 'Own must give losses by name, .* got a Tensor'),
        ({'loss': term_of(lambda step: {'loss': step.maps})}, "one number as 'loss', got"),
        ({'loss': term_of(lambda step: {None: step.maps.mean()})}, 'one number as None, got'),
        ({'loss': term_of(lambda step: step.attend_to(IMAGES[:2]))}, 'takes the 4 images of the batch .* got 2'),
        (
            {'loss': term_of(lambda step: step.erase_and_score(step.maps[:2], step.pairs))},
            'need one map a pair, got 2 maps and 6 pairs',
        ),
    ],
)
def test_pieces_of_ones_own(tiny, settings, message):
    with pytest.raises((ValueError, NotImplementedError), match=message):
        GAIN(tiny(), **{**LAYERS, **settings})(IMAGES, LABELS)


def test_a_scorer_without_a_graph_is_told(tiny):
    with pytest.warns(UserWarning, match='Own gives scores without a graph to the erased images'):
        GAIN(tiny(), scorer=scorer_of(Tensor.detach), **LAYERS)(IMAGES, LABELS)


@pytest.mark.parametrize('layer', ['blocks.1', 'blocks.1.attn', 'norm'])
def test_a_layer_behind_which_patch_tokens_are_dropped_is_refused(layer):
    vit = timm.create_model('vit_tiny_patch16_224', num_classes=3, img_size=32, depth=2)
    with pytest.raises(ValueError, match=f"scores depend on layer '{layer}' by its class token alone"):
        GAIN(vit, target_layer=layer)
    assert CAM(vit, target_layer='blocks.1.norm1').layout.prefix == 1


def test_a_layer_beside_the_scores_is_refused(tiny):
    class Beside(tiny):
        def forward(self, images):
            self.kept = self.spare(images)
            return super().forward(images)

    model = Beside()
    model.spare = nn.Conv2d(3, 3, 3)
    with pytest.raises(ValueError, match="the scores do not depend on layer 'spare'"):
        GAIN(model, target_layer='spare')


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_models_are_guided(tiny, dtype):
    model = GAIN(tiny().to(dtype), **LAYERS)
    scores, losses = model(IMAGES.to(dtype), LABELS)
    (scores.sum() + losses['loss_am']).backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.classifier.parameters())
    assert model.attention(IMAGES.to(dtype), LABELS).dtype == torch.float32


def test_a_call_without_gradients_is_no_step(tiny):
    model = GAIN(tiny(), scorer='ema', one_class=True, **LAYERS)
    model(IMAGES, LABELS)
    before = {name: value.clone() for name, value in model.state_dict().items() if 'classifier' not in name}
    with torch.no_grad():
        for parameter in model.classifier.parameters():
            parameter.add_(1)
        model(IMAGES, LABELS)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    assert model.training


def test_requires_grad_on_the_whole_leaves_the_frozen_copy(tiny):
    model = GAIN(tiny(), scorer='frozen', **LAYERS).requires_grad_(True)
    before = {name: value.clone() for name, value in model.scorer.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.0, weight_decay=0.1)
    scores, losses = model(IMAGES, LABELS)
    (scores.sum() + losses['loss_am']).backward()
    optimizer.step()
    assert all(torch.equal(value, model.scorer.state_dict()[name]) for name, value in before.items())


@pytest.mark.parametrize('scorer', ['detached', 'frozen'])
def test_threads_get_the_gradients_of_their_own_images(tiny, scorer):
    model = GAIN(tiny(), scorer=scorer, **LAYERS).eval()
    parameters = list(model.classifier.parameters())
    labels = torch.tensor([[1, 0, 0], [0, 1, 0]])

    def gradients(images):
        scores, losses = model(images, labels)
        return torch.cat([g.flatten() for g in torch.autograd.grad(scores.sum() + losses['loss_am'], parameters)])

    batches = [torch.randn(2, 3, 16, 16) for _ in range(3)]
    wanted, failed = [gradients(images) for images in batches], []

    def repeat(images, want):
        for _ in range(8):
            if not np.allclose(gradients(images), want, atol=1e-5):
                failed.append(images)

    threads = [threading.Thread(target=repeat, args=pair) for pair in zip(batches, wanted, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert all(isinstance(parameter, nn.Parameter) for parameter in model.classifier.parameters())
