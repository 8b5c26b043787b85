import copy
import gc
import pickle
import weakref
from functools import partial

import pytest
import timm
import torch
import torch.nn.functional as F
from test_attention import loop_maps
from torch import nn

from gain_plugin import EMA, GAIN, Detached, Frozen, GAINLoss, Scorer, blur, erase, normalize_maps, soft_mask
from gain_plugin.health import look
from gain_plugin.hosts import tell_of_scorers
from gain_plugin.synthetic import small_classifier

LAYERS = {'target_layer': 'features', 'score_layer': ''}
SCORERS = ['shared', 'detached', 'frozen', 'ema']


def step(model, images, labels, masks=None):
    scores, losses = model(images, labels, masks)
    return F.multilabel_soft_margin_loss(scores, labels.to(scores)) + sum(losses.values())


@pytest.mark.parametrize('form', ['logit', 'bce'])
def test_equals_the_double_loop_with_gradients(tiny, images, labels, form):
    """The whole of Eq. 1-6, against one image and one class at a time."""
    classifier, images = tiny().double(), images.double()
    model = GAIN(classifier, GAINLoss(0.7, mining=form), scorer='shared', fill='blur', **LAYERS)
    _, losses = model(images, labels)

    total = 0.0
    for image, row in zip(images, labels, strict=True):
        classes = row.nonzero()[:, 0]
        for cls in classes:
            one = torch.zeros(1, 3).scatter(1, cls[None, None], 1)
            mask = soft_mask(loop_maps(classifier, image[None], one))
            erased = erase(image[None], mask, blur(image[None]))
            score = classifier(erased)[0]
            kept = (row - one[0]).double()
            value = score[cls] if form == 'logit' else F.multilabel_soft_margin_loss(score, kept)
            total = total + 0.7 * value / len(classes) / len(labels)
    torch.testing.assert_close(losses['loss_am'], total, rtol=1e-10, atol=0)
    got = torch.autograd.grad(losses['loss_am'], list(classifier.parameters()))
    for gradient, want in zip(got, torch.autograd.grad(total, list(classifier.parameters())), strict=True):
        torch.testing.assert_close(gradient, want, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize('scorer', SCORERS)
def test_leaves_no_trace(tiny, images, labels, scorer):
    """Buffers, mode, requires_grad, hooks and random state after a step are a plain step's."""
    plain = tiny(batch_norm=True, dropout=0.5)
    classifier = copy.deepcopy(plain)
    model = GAIN(classifier, scorer=scorer, **LAYERS).train()
    torch.manual_seed(1)
    plain_scores = plain(images)
    plain_state = torch.get_rng_state()
    torch.manual_seed(1)
    scores, _ = model(images, labels)
    assert torch.equal(scores, plain_scores)
    assert torch.equal(torch.get_rng_state(), plain_state)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in classifier.parameters())
    assert all(module.training and not module._forward_hooks for module in classifier.modules())
    for (name, got), want in zip(classifier.state_dict().items(), plain.state_dict().values(), strict=True):
        assert torch.equal(got, want), name


@pytest.mark.parametrize('scorer', SCORERS)
def test_one_pass_of_each_stream(tiny, images, labels, scorer):
    model = GAIN(tiny(), scorer=scorer, **LAYERS)
    sizes = []
    for module in model.modules():
        if isinstance(module, tiny):
            module.features.register_forward_hook(lambda module, args, output: sizes.append(len(output)))
    model(images, labels)
    assert sizes == [4, 6]


def test_no_gradient_to_the_weights_that_score(tiny, images, labels):
    """With a detached scorer L_am moves the weights as with a frozen copy of them."""
    gradients = {}
    for scorer in ('shared', 'detached', 'frozen'):
        torch.manual_seed(0)
        classifier = tiny()
        _, losses = GAIN(classifier, scorer=scorer, **LAYERS)(images, labels)
        gradients[scorer] = torch.autograd.grad(losses['loss_am'], classifier.features[0].weight)[0]
    torch.testing.assert_close(gradients['detached'], gradients['frozen'])
    assert not torch.allclose(gradients['detached'], gradients['shared'])


@pytest.mark.parametrize('scorer', SCORERS)
def test_alpha_0_is_the_plain_run_to_the_bit(tiny, images, labels, scorer):
    plain = tiny(batch_norm=True, dropout=0.5)
    classifier = copy.deepcopy(plain)
    model = GAIN(classifier, GAINLoss(alpha=0), scorer=scorer, **LAYERS)
    for network, forward in ((plain, plain), (classifier, lambda images: model(images, labels))):
        torch.manual_seed(1)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
        for _ in range(3):
            output = forward(images)
            scores, losses = output if isinstance(output, tuple) else (output, {})
            loss = F.multilabel_soft_margin_loss(scores, labels.float()) + sum(losses.values())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), classifier.parameters(), strict=True))


@pytest.mark.parametrize('scorer', SCORERS)
def test_resumes_exactly(tiny, images, labels, scorer):
    def train(model, optimizer, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            step(model, images, labels).backward()
            optimizer.step()

    def build():
        torch.manual_seed(0)
        model = GAIN(
            tiny(batch_norm=True),
            scorer=partial(EMA, decay=0.5) if scorer == 'ema' else scorer,
            one_class=True,
            **LAYERS,
        )
        return model, torch.optim.SGD(model.classifier.parameters(), lr=0.5)

    straight, optimizer = build()
    train(straight, optimizer, 4)
    halted, optimizer = build()
    train(halted, optimizer, 2)
    torch.manual_seed(5)
    resumed, optimizer = build()
    resumed.load_state_dict(halted.state_dict())
    train(resumed, optimizer, 2)
    assert set(resumed.classifier.state_dict()) == set(tiny(batch_norm=True).state_dict())
    for (name, got), want in zip(resumed.state_dict().items(), straight.state_dict().values(), strict=True):
        assert torch.equal(got, want), name


def test_halves_accumulate_to_the_batch(tiny, images, labels):
    model = GAIN(tiny().double(), **LAYERS)
    masks = torch.randint(0, 4, (4, 16, 18))
    step(model, images.double(), labels, masks).backward()
    whole = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    for half in (slice(0, 2), slice(2, 4)):
        (step(model, images[half].double(), labels[half], masks[half]) / 2).backward()
    for want, parameter in zip(whole, model.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, want)


@pytest.mark.parametrize('scorer', SCORERS)
def test_batch_without_labels(tiny, images, scorer):
    model = GAIN(tiny(batch_norm=True), scorer=scorer, **LAYERS)
    _, losses = model(images, torch.zeros(4, 3))
    assert losses['loss_am'] == 0
    step(model, images, torch.zeros(4, 3)).backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.classifier.parameters())


def test_one_class_erases_one_of_each_image(tiny, images, labels):
    model = GAIN(tiny(), one_class=True, scorer='frozen', **LAYERS)
    sizes = []
    model.scorer.model.register_forward_hook(lambda module, args, output: sizes.append(len(output)))
    for _ in range(3):
        model(images, labels)
    assert sizes == [3, 3, 3]


@pytest.mark.parametrize(
    'dtype',
    [
        torch.bfloat16,
        pytest.param(torch.float16, marks=pytest.mark.skipif(torch.__version__ < '2.3', reason='bf16 alone')),
    ],
)
@pytest.mark.parametrize(('name', 'size'), [('test_resnet', 64), ('test_vit', 160)])
def test_autocast_trains_and_keeps_the_maps(images, labels, name, size, dtype):
    classifier = timm.create_model(name, num_classes=3)
    model = GAIN(classifier).eval()
    images = F.interpolate(images, (size, size))
    maps = model.attention(images, labels)
    with torch.autocast('cpu', dtype=dtype):
        low = model.attention(images, labels)
        step(model, images, labels).backward()  # by weights that are cast anew, with their graph
    assert low.dtype == torch.float32
    assert 0 < (low - maps).abs().mean() < 0.02
    assert all(parameter.grad.isfinite().all() for parameter in classifier.parameters())


def test_a_look_leaves_autocast_no_weights_without_a_graph(tiny, images, labels):
    """With torch 2.1 a training step under the same autocast got these."""
    classifier = tiny()
    model = GAIN(classifier, scorer='shared', target_layer='features')
    with torch.autocast('cpu', dtype=torch.bfloat16):
        look(model, images, labels)
        step(model, images, labels).backward()
    assert all(parameter.grad is not None for parameter in classifier.parameters())


@pytest.mark.filterwarnings('ignore:The .grad attribute')  # which dynamo looks at, of images that are erased
def test_compiled_stages_below_the_target_layer_equal_eager_ones(tiny, images, labels):
    results = []
    for compiled in (False, True):
        torch.manual_seed(0)
        classifier = tiny(batch_norm=True).double()
        convolution, norm, tanh, last = classifier.features
        classifier.features = nn.Sequential(nn.Sequential(convolution, norm, tanh), last)
        model = GAIN(classifier, scorer='shared', target_layer='features.1', score_layer='')
        if compiled:
            classifier.features[0].compile(backend='eager')
        maps = model.attention(images.double(), labels)
        loss = step(model, images.double(), labels)
        results.append([maps, loss, *torch.autograd.grad(loss, list(classifier.parameters())), *classifier.buffers()])
    assert torch._dynamo.utils.counters['stats']['unique_graphs']
    torch._dynamo.reset()
    for got, want in zip(*results, strict=True):
        torch.testing.assert_close(got, want)


def test_attention_is_that_of_training_without_the_graph(tiny, images, labels):
    classifier = tiny()
    model = GAIN(classifier, **LAYERS).eval()
    maps = model.attention(images, labels)
    torch.testing.assert_close(maps, loop_maps(classifier, images, labels).detach())
    assert not maps.requires_grad and torch.is_grad_enabled()
    raw = model.attention(images, labels, normalize=False)
    torch.testing.assert_close(raw / raw.amax((1, 2), keepdim=True), maps)


def test_masks_in_either_form(tiny, images, labels):
    model = GAIN(tiny(), **LAYERS)
    masks = torch.randint(0, 4, (4, 16, 18))
    masks[0] = 255
    image, cls = labels.nonzero(as_tuple=True)
    pairs = (masks[image] == cls[:, None, None] + 1).float()
    pairs[image == 0] = torch.nan
    integers, floats = model(images, labels, masks)[1], model(images, labels, pairs)[1]
    assert integers['loss_ext'] > 0
    assert integers == floats


@pytest.mark.parametrize('name', ['resnet18', 'vgg11', 'densenet121', 'efficientnet_lite0', 'convnext_atto'])
def test_timm_cnns_with_nothing_named(name, labels):
    model = GAIN(timm.create_model(name, num_classes=3))
    images = torch.randn(4, 3, 96, 96)
    scores, losses = model(images, labels)
    assert scores.shape == (4, 3)
    losses['loss_am'].backward()
    first = next(model.classifier.parameters())
    assert first.grad.isfinite().all() and first.grad.any()
    assert min(model.attention(images, labels).shape[1:]) >= 3


def test_vgg_is_looked_at_before_its_last_pooling():
    assert GAIN(timm.create_model('vgg16')).target_layer == 'features.29'


def test_errors_say_what_to_do(tiny, images, labels):
    with pytest.raises(ValueError, match="no layer 'featurs'; closest: 'features'"):
        GAIN(tiny(), target_layer='featurs')
    with pytest.raises(ValueError, match="scorer must be one of .* got 'own'"):
        GAIN(tiny(), scorer='own', **LAYERS)
    with pytest.raises(ValueError, match="fill must be one of .* got 'grey'"):
        GAIN(tiny(), fill='grey', **LAYERS)
    with pytest.raises(ValueError, match='compile the stages below'):
        GAIN(torch.compile(tiny()), **LAYERS)
    model = GAIN(tiny(), **LAYERS)
    with pytest.raises(ValueError, match='labels have 2 classes, the classifier scores 3'):
        model(images, labels[:, :2])
    with pytest.raises(ValueError, match=r'size of their images, \(16, 18\), got \(4, 8, 9\)'):
        model(images, labels, torch.zeros(4, 8, 9, dtype=torch.long))
    with pytest.raises(ValueError, match='a grid'):
        GAIN(tiny(), target_layer='hidden')(images, labels)
    never = tiny()
    never.spare = torch.nn.Conv2d(3, 3, 1)
    with pytest.raises(ValueError, match="layer 'spare' did not fire"):
        GAIN(never, target_layer='spare')(images, labels)
    assert not any(module._forward_hooks for module in never.modules())


def test_another_scorer_fill_and_term(tiny, images, labels):
    """What a stranger adds: one class, one function, one module."""

    class Constant(Scorer):
        def forward(self, cam, images, inputs):
            return images.mean((1, 2, 3))[:, None].expand(-1, 3)

    class Coverage(torch.nn.Module):
        def forward(self, step):
            return {'loss_coverage': step.strength * normalize_maps(step.maps).mean()}

    classifier = tiny()
    model = GAIN(
        classifier, [GAINLoss(1.0, mining='logit'), Coverage()], scorer=Constant, fill=torch.ones_like, **LAYERS
    )
    _, losses = model(images, labels)
    maps = loop_maps(classifier, images, labels)
    image = labels.nonzero()[:, 0]
    erased = erase(images[image], soft_mask(maps), torch.ones(1))
    own = erased.mean((1, 2, 3))
    expected = sum(own[image == place].mean() for place in (0, 2, 3)) / 4
    torch.testing.assert_close(losses['loss_am'], expected)
    torch.testing.assert_close(losses['loss_coverage'], maps.mean())


def test_a_colour_fills_each_image(tiny, images, labels):
    colour = torch.tensor([1.0, -2.0, 3.0])[:, None, None]
    fill = GAIN(tiny(), fill=lambda images: colour, **LAYERS).fill_of(images)
    assert torch.equal(fill, colour.expand(4, 3, 16, 18))


def test_scorers_that_a_scorer_is_made_of_start_with_it(tiny, images, labels):
    class Halves(Scorer):
        def __init__(self, classifier):
            super().__init__(classifier)
            self.frozen, self.others = Frozen(classifier), torch.nn.ModuleList([EMA(classifier)])

        def forward(self, cam, images, inputs):
            return (self.frozen(cam, images, inputs) + self.others[0](cam, images, inputs)) / 2

    classifier = tiny()
    gain = GAIN(classifier, scorer=Halves, **LAYERS)
    with torch.no_grad():
        classifier.fc.bias += 1
    gain.start()
    assert torch.equal(gain.scorer.frozen.model.fc.bias, classifier.fc.bias)
    gain.train()(images, labels)
    assert gain.scorer.others[0].average.n_averaged == 1


def test_the_mean_of_a_term_is_over_images_and_never_nan(tiny, images, labels):
    means = []

    class Ones(torch.nn.Module):
        def forward(self, step):
            means.append(step.mean(torch.ones(len(step.pairs))))
            return {}

    gain = GAIN(tiny(), Ones(), **LAYERS)
    gain(images, labels)
    gain(images, torch.zeros_like(labels))
    assert means == [0.75, 0]  # three of four images have a label


def test_a_term_sees_maps_of_other_images_and_leaves_no_trace(tiny, images, labels):
    class Mirrored(torch.nn.Module):
        def forward(self, step):
            self.maps = step.attend_to(step.images.flip(-1))
            return {'loss_mirror': (self.maps - step.maps.flip(-1)).square().mean()}

    classifier, term = tiny(batch_norm=True), Mirrored()
    plain = copy.deepcopy(classifier)
    gain = GAIN(classifier, term, **LAYERS).eval()
    gain(images, labels)
    torch.testing.assert_close(normalize_maps(term.maps), loop_maps(plain.eval(), images.flip(-1), labels))
    _, losses = gain.train()(images, labels)
    losses['loss_mirror'].backward()
    assert all(parameter.grad is not None for parameter in classifier.features.parameters())
    plain.train()(images)
    for (name, got), want in zip(classifier.state_dict().items(), plain.state_dict().values(), strict=True):
        assert torch.equal(got, want), name


def test_the_output_of_the_classifier_is_returned_as_it_is(tiny, images, labels):
    class Dict(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = tiny()

        def forward(self, images):
            return {'logits': self.net(images), 'aux': self.net.features(images)}

    output, losses = GAIN(Dict(), target_layer='net.hidden:input', reshape=lambda f: f[..., None, None])(images, labels)
    assert set(output) == {'logits', 'aux'}
    assert losses['loss_am'] > 0


@pytest.mark.parametrize('context', [torch.no_grad, torch.inference_mode])
def test_works_without_gradients(tiny, images, labels, context):
    model = GAIN(tiny(), one_class=True, scorer='ema', **LAYERS).eval()
    scores, losses = model(images, labels)
    maps = model.attention(images, labels)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    with context():
        again, values = model(images.clone(), labels)
        assert torch.equal(model.attention(images.clone(), labels), maps)
    assert torch.equal(again, scores) and torch.equal(values['loss_am'], losses['loss_am'])
    assert not values['loss_am'].requires_grad
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_a_frozen_network_with_a_head_that_learns(tiny, images, labels):
    classifier = tiny()
    classifier.features.requires_grad_(False)
    model = GAIN(classifier, scorer='frozen', **LAYERS)
    model(images, labels)[1]['loss_am'].backward()
    assert classifier.hidden.weight.grad.any()
    assert all(parameter.grad is None for parameter in classifier.features.parameters())


def test_a_scorer_gets_no_gradients_whatever_is_unfrozen(tiny, images, labels):
    model = GAIN(tiny(), scorer='frozen', **LAYERS).requires_grad_(True)
    model(images, labels)[1]['loss_am'].backward()
    assert all(parameter.grad is None for parameter in model.scorer.parameters())


@pytest.mark.parametrize('scorer', SCORERS)
def test_can_be_saved_whole(images, labels, scorer):
    model = GAIN(small_classifier(3), scorer=scorer, **LAYERS).eval()
    again = pickle.loads(pickle.dumps(model))
    assert torch.equal(again(images, labels)[1]['loss_am'], model(images, labels)[1]['loss_am'])


@pytest.mark.parametrize('norm', [torch.nn.utils.spectral_norm, torch.nn.utils.weight_norm])
@pytest.mark.filterwarnings('ignore:.*weight_norm.* is deprecated')
def test_copies_of_models_that_make_their_weights(tiny, images, labels, norm):
    classifier = tiny()
    norm(classifier.hidden)
    classifier(images)
    model = GAIN(classifier, scorer='frozen', **LAYERS)
    assert model(images, labels)[1]['loss_am'] > 0


def test_the_second_input_goes_along_with_the_images(tiny, images, labels):
    class Scaled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = tiny()

        def forward(self, images, scale):
            return self.net(images * scale[:, None, None, None])

    classifier, scale = Scaled(), torch.rand(4)
    layers = {'target_layer': 'net.features'}
    _, losses = GAIN(classifier, **layers)(images, labels, inputs={'scale': scale})
    _, plain = GAIN(classifier.net, fill='zero', **LAYERS)(images * scale[:, None, None, None], labels)
    _, losses = GAIN(classifier, fill='zero', **layers)(images, labels, inputs={'scale': scale})
    torch.testing.assert_close(losses['loss_am'], plain['loss_am'])


def test_data_parallel_is_refused_or_right(tiny, images, labels):
    with pytest.raises(ValueError, match=r'the other way round, DataParallel\(GAIN\(model\)\)'):
        GAIN(torch.nn.DataParallel(tiny()), **LAYERS)
    for scorer in SCORERS:
        model = GAIN(tiny(), scorer=scorer, **LAYERS)
        replica = replica_of(model)
        if scorer == 'ema':
            with pytest.raises(ValueError, match='loses the moving average'):
                replica(images, labels)
            continue
        weights = list(model.classifier.parameters())
        got, want = (
            torch.autograd.grad(guided(images, labels)[1]['loss_am'], weights, materialize_grads=True)
            for guided in (replica, model)
        )
        assert all(torch.equal(*pair) for pair in zip(got, want, strict=True))


def replica_of(model):
    """As torch.nn.parallel.replicate makes them: parameters are plain tensors with the graph to those of the model."""
    replica = model._replicate_for_data_parallel()
    replica._former_parameters = {}
    for name, child in model._modules.items():
        replica._modules[name] = replica_of(child)
        setattr(replica, name, replica._modules[name])
    for name, parameter in model._parameters.items():
        if parameter is not None:
            copied = parameter * 1
            setattr(replica, name, copied)
            replica._former_parameters[name] = copied
    return replica


def test_an_operator_without_a_second_derivative_is_told_in_the_first_step(tiny, images, labels):
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1.0

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, gradient):
            return gradient

    classifier = tiny()
    plain = classifier.hidden.forward
    classifier.hidden.forward = lambda x: plain(Once.apply(x))
    with pytest.raises(ValueError, match=r'cannot be differentiated twice .*take second_order=False'):
        GAIN(classifier, **LAYERS)(images, labels)
    assert GAIN(classifier, second_order=False, **LAYERS)(images, labels)[1]['loss_am'].requires_grad


def test_memory_does_not_grow_over_200_steps(tiny, images, labels):
    def live() -> int:
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    model = GAIN(tiny(), target_layer='features', scorer='ema')
    counts = []
    for step in range(221):
        scores, losses = model(images, labels)
        (scores.sum() + losses['loss_am']).backward()
        model.attention(images, labels)
        if step in (20, 220):  # the first ones are kept for the warnings of gain_plugin.watch
            del scores, losses
            counts.append(live())
    assert counts[1] <= counts[0]  # what other tests left may go meanwhile


@pytest.mark.parametrize('scorer', SCORERS)
def test_chunks_change_nothing(tiny, images, labels, scorer):
    """Losses and gradients are those of all erased images at once, whatever the fill draws."""
    classifier = tiny().double()
    seen = []

    def noise(batch):
        seen.append(len(batch))
        return torch.randn_like(batch)

    def run(chunk_size):
        torch.manual_seed(1)
        model = GAIN(classifier, target_layer='features', scorer=scorer, fill=noise, chunk_size=chunk_size)
        classifier.zero_grad()
        scores, losses = model(images.double(), labels)
        (scores.sum() + sum(losses.values())).backward()
        return losses['loss_am'], [parameter.grad for parameter in classifier.parameters()]

    whole, *parts = run(None), run(1), run(2), run(100)
    for part in parts:
        torch.testing.assert_close(part, whole)
    assert seen == [4] * 4  # the fill is made once a step


@pytest.mark.parametrize(('chunk_size', 'expected'), [(1, [1] * 12), (2, [1] * 6), (None, [1])])
def test_chunks_hold_the_activations_of_one_part(tiny, images, labels, chunk_size, expected):
    """In the forward pass and, made again, in the backward pass; six images are erased."""
    model = GAIN(tiny(), target_layer='features', scorer='frozen', chunk_size=chunk_size)
    made, alive = [], []

    def keep(module, args, output):
        made.append(weakref.ref(output))
        alive.append(sum(reference() is not None for reference in made))

    model.scorer.model.features.register_forward_hook(keep)
    _, losses = model(images, labels)
    losses['loss_am'].backward()
    assert alive == expected


def test_chunks_of_batch_norm_in_training_are_refused(tiny):
    with pytest.raises(ValueError, match=r"chunk_size changes what the batch norm 'features.1' makes"):
        GAIN(tiny(batch_norm=True), target_layer='features', scorer='detached', chunk_size=2)
    GAIN(tiny(batch_norm=True), target_layer='features', scorer='frozen', chunk_size=2)
    with pytest.raises(ValueError, match='chunk_size must be a whole number of 1 or more, got 0'):
        GAIN(tiny(), target_layer='features', chunk_size=0)


def test_what_cannot_be_added_up_or_scored_is_refused(tiny, images, labels):
    model = GAIN(tiny(), [GAINLoss(), GAINLoss(mining='logit')], target_layer='features')
    with pytest.raises(ValueError, match=r"GAINLoss gives \['loss_am'\], as a term before it"):
        model(images, labels)
    with pytest.raises(ValueError, match='scorer made a Identity: let it be a subclass of gain_plugin.Scorer'):
        GAIN(tiny(), target_layer='features', scorer=nn.Identity)


def test_the_log_says_once_which_scorer_is_taken_and_what_is_found(tiny, caplog):
    tell_of_scorers.cache_clear()
    with caplog.at_level('INFO', 'gain_plugin'):
        GAIN(tiny(), scorer='frozen', **LAYERS)
        assert caplog.messages == [
            "GAIN: target_layer='features', score_layer='', grid 110 x 110 for images of 224 x 224, 50% of the layers "
            'with weights below it'
        ]
        gains = [GAIN(tiny(), **LAYERS) for _ in range(2)]
    told = [message for message in caplog.messages if 'scorer= is not named' in message]
    assert len(told) == 1 and "GAIN(classifier, scorer='frozen', one_class=True)" in told[0]
    assert all(isinstance(gain.scorer, Detached) for gain in gains)
    assert 'grid 110 x 110 for images of 224 x 224' in repr(gains[0])
