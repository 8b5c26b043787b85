import copy
from types import SimpleNamespace

import pytest
import timm
import torch
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement, PixelData
from torch.utils.data import DataLoader, Dataset

from gain_plugin import Scorer
from gain_plugin.mm import GAINHook, MultiLabelClassifier
from gain_plugin.mm.samples import multi_hot
from gain_plugin.mm.schedule import Falling, schedule

LAYERS = {'target_layer': 'network.features', 'score_layer': 'network'}
ALL_CLASSES = {**LAYERS, 'scorer': 'detached', 'one_class': False}
SCORERS = ['shared', 'detached', 'frozen', 'ema']


class Toy(Dataset):
    """Noise with one or two labels, and on request masks for every other image."""

    def __init__(self, masks=False):
        random = torch.Generator().manual_seed(0)
        self.images = torch.randn(16, 3, 12, 12, generator=random)
        self.masks = torch.randint(0, 4, (16, 1, 12, 12), generator=random) if masks else None

    def __len__(self):
        return 16

    def __getitem__(self, index):
        sample = BaseDataElement(metainfo={'gt_label': [index % 3, (index // 3) % 3], 'img_path': f'{index}.jpg'})
        if self.masks is not None and index % 2:
            sample.gt_sem_seg = PixelData(data=self.masks[index])
        return {'inputs': self.images[index], 'data_samples': sample}


class Host(MultiLabelClassifier):
    """The classifier around a network that is there already."""

    def __init__(self, network):
        BaseModel.__init__(self, {'type': 'ImgDataPreprocessor'})
        self.network = network
        self.criterion = torch.nn.MultiLabelSoftMarginLoss()
        self.mix = None


def runner(network, work_dir, iterations=4, hooks=(), masks=False, **settings):
    """A runner over the toy in a fixed order: the batch of an iteration depends on nothing but its number."""
    return Runner(
        copy.deepcopy(Host(network)),
        str(work_dir),
        train_dataloader=DataLoader(Toy(masks), batch_size=4, collate_fn=pseudo_collate),
        train_cfg={'type': 'IterBasedTrainLoop', 'max_iters': iterations},
        optim_wrapper={'type': 'OptimWrapper', 'optimizer': {'type': 'SGD', 'lr': 0.5, 'momentum': 0.9}},
        default_hooks={'checkpoint': {'type': 'CheckpointHook', 'interval': 2, 'by_epoch': False}},
        custom_hooks=list(hooks),
        randomness={'seed': 0},
        log_level='ERROR',
        experiment_name=f'{work_dir.name}{torch.rand(()).item()}',
        **settings,
    )


def weights(built):
    return {name: value.clone() for name, value in built.model.state_dict().items()}


class Losses(Hook):
    def __init__(self):
        self.seen = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.seen.append(outputs)


class BreakOff(Hook):
    priority = 'LOWEST'

    def __init__(self, at, error=KeyboardInterrupt):
        self.at = at
        self.error = error

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == self.at:
            raise self.error


@pytest.fixture
def network(tiny):
    return tiny(batch_norm=True)


@pytest.mark.parametrize('scorer', SCORERS)
def test_trains_and_leaves_the_host_as_it_was(network, tmp_path, scorer):
    images = torch.randn(2, 3, 12, 12)

    class Evaluate(Losses):
        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            super().after_train_iter(runner, batch_idx, data_batch, outputs)
            assert runner.model.training
            self.output = runner.model.eval()(images)
            runner.model.train()

    losses = Evaluate()
    guided = runner(network, tmp_path, hooks=[GAINHook(gain={**LAYERS, 'scorer': scorer}, warmup=0), losses])
    keys = list(guided.model.state_dict())
    guided.train()
    assert torch.equal(losses.output, guided.model.eval()(images))
    assert all(set(outputs) >= {'loss', 'loss_cls', 'loss_am'} for outputs in losses.seen)
    assert all(outputs['loss_am'] > 0 for outputs in losses.seen)
    assert list(guided.model.state_dict()) == keys
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in guided.model.modules())
    saved = torch.load(tmp_path / 'iter_4.pth', weights_only=False)
    assert list(saved['state_dict']) == keys
    fresh = Host(copy.deepcopy(network))
    fresh.load_state_dict(saved['state_dict'])
    assert torch.equal(fresh.eval()(images), guided.model.eval()(images))


def test_alpha_0_is_the_plain_run_to_the_bit(network, tmp_path):
    plain = runner(network, tmp_path / 'plain')
    plain.train()
    guided = runner(network, tmp_path / 'guided', hooks=[GAINHook(loss={'alpha': 0}, gain=LAYERS, warmup=0)])
    guided.train()
    assert all(torch.equal(value, weights(guided)[name]) for name, value in weights(plain).items())


def test_warm_up_is_plain_and_alpha_grows_after_it(network, tmp_path):
    plain = runner(network, tmp_path / 'plain', iterations=2)
    plain.train()
    alphas = []

    class Alphas(Hook):
        priority = 'LOW'

        def before_train_iter(self, runner, batch_idx, data_batch=None):
            alphas.append(0.9 * hook._strength)
            if runner.iter == 2:
                copied = hook.gain.scorer.model.state_dict()
                assert all(torch.equal(value, copied[name]) for name, value in weights(plain).items())

    hook = GAINHook(loss={'alpha': 0.9}, gain={**LAYERS, 'scorer': 'frozen'}, warmup=2, ramp=2)
    runner(network, tmp_path / 'guided', iterations=6, hooks=[hook, Alphas()]).train()
    assert alphas == pytest.approx([0, 0, 0.3, 0.6, 0.9, 0.9])


@pytest.mark.parametrize('scorer', SCORERS)
@pytest.mark.parametrize('warmup', [0, 2, 3])
def test_resumes_exactly(network, tmp_path, scorer, warmup):
    def hooks():
        made = {'type': 'EMA', 'decay': 0.5} if scorer == 'ema' else scorer
        gain = {**LAYERS, 'scorer': made}
        return [GAINHook(gain=gain, warmup=warmup, ramp=2)]

    straight = runner(network, tmp_path / 'straight', hooks=hooks())
    straight.train()
    with pytest.raises(KeyboardInterrupt):
        runner(network, tmp_path / 'halted', hooks=[*hooks(), BreakOff(at=2)]).train()
    resumed = runner(network, tmp_path / 'halted', hooks=hooks(), resume=True)
    resumed.train()
    assert all(torch.equal(value, weights(resumed)[name]) for name, value in weights(straight).items())


def test_resuming_a_plain_run_with_a_scorer_says_so(network, tmp_path):
    runner(network, tmp_path, iterations=2).train()
    hook = GAINHook(gain={**LAYERS, 'scorer': 'frozen'}, warmup=0)
    with pytest.raises(ValueError, match='has no scorer'):
        runner(network, tmp_path, hooks=[hook], resume=True).train()
    late = GAINHook(gain={**LAYERS, 'scorer': 'frozen'}, warmup=2)
    runner(network, tmp_path, hooks=[late], resume=True).train()


def test_masks_add_loss_ext(network, tmp_path):
    losses = Losses()
    runner(network, tmp_path, hooks=[GAINHook(gain=LAYERS, warmup=0), losses], masks=True).train()
    assert all(outputs['loss_ext'] > 0 for outputs in losses.seen)


def test_health_is_logged_beside_the_losses_and_not_added_to_them(network, tmp_path):
    losses = Losses()
    hook = GAINHook(loss={'alpha': 0.9}, gain=LAYERS, warmup=1, ramp=2)
    guided = runner(network, tmp_path, hooks=[hook, losses])
    guided.train()
    assert not any(name.startswith('gain/') for name in losses.seen[0])
    names = {f'gain/{name}' for name in ('alpha', 'coverage', 'dead_maps', 'score_after', 'score_before')}
    for outputs in losses.seen[1:]:
        assert names == {name for name in outputs if name.startswith('gain/')}
        torch.testing.assert_close(outputs['loss'], outputs['loss_cls'] + outputs['loss_am'])
    alphas, _ = guided.message_hub.get_scalar('train/gain/alpha').data
    assert alphas.tolist() == pytest.approx([0.3, 0.6, 0.9])


def test_gradients_accumulate(tiny, tmp_path):
    """Two halves and one step equal the whole batch, for a network without batch norm."""
    results = []
    for size, count in ((8, 1), (4, 2)):
        built = runner(
            tiny(), tmp_path / str(size), iterations=2 * count, hooks=[GAINHook(gain=ALL_CLASSES, warmup=0, ramp=0)]
        )
        torch.manual_seed(0)
        built.model = Host(tiny())
        built._train_dataloader = DataLoader(Toy(), batch_size=size, collate_fn=pseudo_collate)
        built.optim_wrapper['accumulative_counts'] = count
        built.train()
        results.append(weights(built))
    for name, value in results[0].items():
        torch.testing.assert_close(value, results[1][name])


@pytest.mark.gpu  # mmengine's AmpOptimWrapper needs a GPU
def test_amp_trains(network, tmp_path):
    built = runner(network, tmp_path, hooks=[GAINHook(gain=LAYERS, warmup=0)])
    built.optim_wrapper.update(type='AmpOptimWrapper', dtype='bfloat16')
    built.train()
    assert all(value.isfinite().all() for value in weights(built).values())


def test_without_arguments_the_last_third_is_guided_by_a_frozen_copy(network, tmp_path):
    losses, hook = Losses(), GAINHook(gain=LAYERS)
    built = runner(network, tmp_path, iterations=9, hooks=[hook, losses])
    said = []
    built.logger.info = said.append
    built.train()
    assert ['loss_am' in outputs for outputs in losses.seen] == [False] * 6 + [True] * 3
    assert hook.passes == 2
    assert any('6 iterations of plain training' in text and 'first 1 of these' in text for text in said)


def test_one_iteration_in_so_many_is_guided(network, tmp_path):
    losses = Losses()
    hook = GAINHook(loss={'alpha': 0.9}, gain=LAYERS, warmup=1, ramp=2, interval=2)
    built = runner(network, tmp_path, iterations=6, hooks=[hook, losses])
    said = []
    built.logger.info = said.append
    built.train()
    alphas = [float(outputs.get('gain/alpha', 0)) for outputs in losses.seen]
    assert alphas == pytest.approx([0, 0.3, 0, 0.9, 0, 0.9])
    assert ['loss_am' in outputs for outputs in losses.seen] == [False, True] * 3
    assert hook.passes == 1.5
    assert any('guided ones up to 6, one in 2, alpha growing over the first 2' in text for text in said)


def test_a_warm_up_as_long_as_the_run_is_told(network, tmp_path):
    built = runner(network, tmp_path, hooks=[GAINHook(gain=LAYERS, warmup=4)])
    said = []
    built.logger.warning = said.append
    built.train()
    assert 'GAIN: warmup=4 leaves nothing of the 4 iterations to guide: lower it' in said


def test_terms_and_scorers_of_ones_own_by_their_registered_names(network, tmp_path):
    class Area(torch.nn.Module):
        def forward(self, step):
            return {'loss_area': step.maps.mean()}

    class Grey(Scorer):
        def forward(self, cam, images, inputs):
            return images.mean((1, 2, 3))[:, None].expand(-1, 3)

    losses = Losses()
    own = [{'alpha': 0.3}, {'type': Area}]
    hook = GAINHook(loss=own, gain={**LAYERS, 'scorer': {'type': Grey}}, warmup=0)
    runner(network, tmp_path, hooks=[hook, losses]).train()
    assert {'loss_am', 'loss_area'} <= set(losses.seen[0])


@pytest.mark.parametrize('error', [RuntimeError, KeyboardInterrupt, torch.cuda.OutOfMemoryError])
@pytest.mark.parametrize('place', ['network', 'scorer', 'backward', 'step', 'hook'])
def test_a_training_that_was_broken_off_leaves_nothing_for_the_next(network, tmp_path, monkeypatch, place, error):
    """An error anywhere in a step: the training that follows is the one that would have been without it."""

    def fail(*args, **kwargs):
        raise error('here')

    def once(iteration):
        hook = GAINHook(gain=LAYERS, warmup=0)

        class Arm(Hook):
            def before_train_iter(self, runner, batch_idx, data_batch=None):
                if runner.iter == iteration:
                    owner, name = {
                        'network': (runner.model.network.fc, 'forward'),
                        'scorer': (hook.gain.scorer.model.network.fc, 'forward'),
                        'backward': (runner.optim_wrapper, 'backward'),
                        'step': (runner.optim_wrapper, 'step'),
                        'hook': (runner.visualizer, 'add_scalar'),
                    }[place]
                    monkeypatch.setattr(owner, name, fail)
                    if place == 'hook':
                        fail()

        return [hook, Arm()]

    broken = runner(network, tmp_path / 'a', hooks=once(iteration=1))
    with pytest.raises(error):
        broken.train()
    monkeypatch.undo()
    host, random_state = broken.model, torch.get_rng_state()
    host.zero_grad()  # what a step that was broken off had gathered is the optimiser's to clear
    assert all(module.training for module in host.modules())
    batch = pseudo_collate([Toy()[index] for index in range(4)])
    loss = host(**host.data_preprocessor(batch, True), mode='loss')
    assert place == 'hook' or set(loss) == {'loss_cls'}, 'guided by a training that is over'
    assert torch.equal(torch.get_rng_state(), random_state)
    state = copy.deepcopy(host.state_dict())
    results = []
    for folder, model in (('b', host), ('c', Host(copy.deepcopy(network)))):
        again = runner(network, tmp_path / folder, hooks=[GAINHook(gain=LAYERS, warmup=0)])
        again.model = model
        model.load_state_dict(state)
        again.train()
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
        results.append(weights(again))
    assert all(torch.equal(value, results[1][name]) for name, value in results[0].items())


def test_of_two_hooks_the_last_one_guides(network, tmp_path):
    """As where a config that inherits a hook adds one of its own."""
    seen = []
    for name, hooks in {'one': [{}], 'two': [{'loss': {'alpha': 9.0}}, {}]}.items():
        built = runner(
            network, tmp_path / name, hooks=[GAINHook(gain=LAYERS, warmup=0, ramp=0, **own) for own in hooks]
        )
        built.train()
        assert [type(hook) for hook in built.hooks].count(GAINHook) == 1
        seen.append(weights(built))
    assert all(torch.equal(value, seen[1][name]) for name, value in seen[0].items())


def test_the_scorer_is_state_of_the_training(network, tmp_path):
    """A run that goes on behind its end equals one in a piece; without the optimiser's state there is no scorer."""
    hooks = {'hooks': [GAINHook(gain=LAYERS, warmup=1, ramp=0)]}
    whole = runner(network, tmp_path / 'whole', iterations=6, **hooks)
    whole.train()
    runner(network, tmp_path / 'parts', **hooks).train()
    last = torch.load(tmp_path / 'parts/iter_4.pth', weights_only=False)
    assert 'gain_scorer' in last['optimizer'] and 'gain_scorer' not in last
    longer = runner(network, tmp_path / 'parts', iterations=6, resume=True, **hooks)
    longer.train()
    assert all(torch.equal(value, weights(longer)[name]) for name, value in weights(whole).items())
    del last['optimizer']['gain_scorer']
    torch.save(last, tmp_path / 'parts/iter_6.pth')
    with pytest.raises(ValueError, match='has no scorer .* set warmup=4 for a new scorer'):
        runner(network, tmp_path / 'parts', iterations=6, resume=True, **hooks).train()


@pytest.mark.parametrize(
    ('settings', 'text'),
    [
        ({'warmup': 9}, 'warmup=9 leaves nothing of the 4 iterations'),
        ({'warmup': 1, 'ramp': 5}, 'with ramp=5 alpha reaches 50% of its value when training ends'),
        ({'warmup': 0}, "warmup=0 makes scorer='frozen' a copy of the host as it was built: give load_from="),
        ({'warmup': 0, 'loss': {'ext_weight': 1.0}}, 'ext_weight is given and none of 16 photos had a mask'),
    ],
)
def test_what_is_probably_wrong_is_told(network, tmp_path, settings, text):
    built = runner(network, tmp_path, hooks=[GAINHook(gain=LAYERS, **settings)])
    said = []
    built.logger.warning = said.append
    built.train()
    assert sum(text in line for line in said) == 1, said


@pytest.mark.parametrize(('interval', 'told'), [(1, False), (2, False), (3, True), (9, True)])
def test_an_interval_that_guides_once_is_told(interval, told):
    said = []
    run = SimpleNamespace(max_iters=4, logger=SimpleNamespace(warning=said.append))
    assert schedule(run, 1, 0, interval, learns=True, copied=False) == (1, 0)
    assert said == [f'GAIN: interval={interval} guides one iteration of the 3 after the warm-up: lower it'] * told


def test_a_falling_map_is_told_once(network, tmp_path):
    said = []
    logger = SimpleNamespace(logger=SimpleNamespace(warning=said.append))
    falling = Falling()
    for value, guided in ((80.0, False), (82.0, False), (80.0, True), (70.0, True), (60.0, True)):
        falling.look(logger, {'coco/mAP': value, 'mAP_small': 0.0}, guided=guided)
    falling.look(logger, {'top1': 1.0}, guided=True)
    assert said == ['GAIN: mAP fell from 82.0 to 70.0 since the guidance began: lower alpha in loss=']


def test_a_checkpoint_of_the_first_version_is_refused():
    with pytest.raises(ValueError, match=r'of gain_plugin 0.1, whose scorer .*gain_judge'):
        GAINHook().after_load_checkpoint(None, {'gain_judge': {}})


def test_a_multi_hot_gt_label_is_refused():
    samples = [BaseDataElement(metainfo={'gt_label': [0, 1, 1], 'img_path': 'a.jpg'})]
    with pytest.raises(ValueError, match=r'gt_label of a.jpg must be the indices .* numpy.flatnonzero'):
        multi_hot(samples, 3)
    assert multi_hot(samples, 4).tolist() == [[True, True, False, False]]


@pytest.mark.parametrize('given', [['cat'], 'cat', None, [None], {'cat': 1}, [0.7], [float('nan')]])
def test_a_gt_label_that_is_no_indices_is_refused(given):
    samples = [BaseDataElement(metainfo={'gt_label': given, 'img_path': 'a.jpg'})]
    with pytest.raises(ValueError, match=r'gt_label of a.jpg must be the indices of its classes, as \[0, 2\], got '):
        multi_hot(samples, 3)


@pytest.mark.parametrize('given', [2, [2], [2.0], torch.tensor([2]), torch.tensor([[2]])])
def test_forms_of_indices(given):
    assert multi_hot([BaseDataElement(metainfo={'gt_label': given})], 3).tolist() == [[False, False, True]]


def test_errors_come_before_training(network, tmp_path):
    with pytest.raises(TypeError, match='scoring'):
        GAINHook(gain={'scoring': 'frozen'})
    with pytest.raises(TypeError, match="multiple values for argument 'loss'"):
        GAINHook(gain={'loss': {}})
    with pytest.raises(ValueError, match="gain must be arguments of GAIN, as .* got 'frozen'"):
        GAINHook(gain='frozen')
    for wrong in (-3, 2.5):
        with pytest.raises(ValueError, match=f'warmup must be a number of iterations, 0 or more, got {wrong}'):
            GAINHook(warmup=wrong)
    with pytest.raises(ValueError, match="no layer 'network.featurs'; closest: 'network.features'"):
        runner(network, tmp_path / 'a', hooks=[GAINHook(gain={'target_layer': 'network.featurs'})]).train()
    with pytest.raises(ValueError, match='remove it, or compile the stages'):
        runner(network, tmp_path / 'b', hooks=[GAINHook(gain=LAYERS)], cfg={'compile': True}).train()


class Wrapping(BaseModel):
    """A module of one's own around a network of timm, trained by one of two losses."""

    def __init__(self, kept, **loss):
        super().__init__()
        self.backbone = timm.create_model('test_resnet', num_classes=3)
        self.criterion = CrossEntropyLoss(**loss)
        self.kept = kept

    def init_weights(self):
        if not self.kept:
            super().init_weights()

    def forward(self, inputs, data_samples=None, mode='tensor'):
        scores = self.backbone(torch.stack(inputs) if isinstance(inputs, list) else inputs)
        return {'loss': scores.square().mean()} if mode == 'loss' else scores


class CrossEntropyLoss(torch.nn.Module):
    """As mmpretrain's."""

    def __init__(self, use_sigmoid=False):
        super().__init__()
        self.use_sigmoid = use_sigmoid


@pytest.mark.parametrize(
    ('kept', 'use_sigmoid', 'loss', 'mining'),
    [(True, False, {}, 'softmax_ce'), (False, True, {}, 'bce'), (True, False, {'mining': 'logit'}, 'logit')],
)
def test_a_network_of_another_library_and_its_loss_are_looked_at(tmp_path, kept, use_sigmoid, loss, mining):
    hook = GAINHook(loss=loss, gain={'target_layer': 'backbone.layer4', 'score_layer': 'backbone'})
    built = runner(torch.nn.Identity(), tmp_path, hooks=[hook])
    built.model = Wrapping(kept, use_sigmoid=use_sigmoid)
    told = []
    built.logger.warning = lambda text, *_: told.append(text)
    built.call_hook('before_run')
    built._init_model_weights()
    built._train_loop = built.build_train_loop(built._train_loop)
    hook.before_train(built)
    assert hook.gain.terms[0].mining == mining
    assert any("drawn the weights of 'backbone' (ResNet) anew" in text for text in told) is not kept
    hook.after_train(built)
