import copy

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement, PixelData
from torch.utils.data import DataLoader, Dataset

from gain_plugin.mm import GAINHook, MultiLabelClassifier

LAYERS = {'target_layer': 'network.features', 'score_layer': 'network'}
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
    guided = runner(network, tmp_path, hooks=[GAINHook(gain={**LAYERS, 'scorer': scorer}), losses])
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
    guided = runner(network, tmp_path / 'guided', hooks=[GAINHook(loss={'alpha': 0}, gain=LAYERS)])
    guided.train()
    assert all(torch.equal(value, weights(guided)[name]) for name, value in weights(plain).items())


def test_warm_up_is_plain_and_alpha_grows_after_it(network, tmp_path):
    plain = runner(network, tmp_path / 'plain', iterations=2)
    plain.train()
    alphas = []

    class Alphas(Hook):
        priority = 'LOW'

        def before_train_iter(self, runner, batch_idx, data_batch=None):
            alphas.append(hook.gain.loss.alpha)
            if runner.iter == 2:
                copied = hook.gain.judge.state_dict()
                assert all(torch.equal(value, copied[name]) for name, value in weights(plain).items())

    hook = GAINHook(loss={'alpha': 0.9}, gain={**LAYERS, 'scorer': 'frozen'}, warmup=2, ramp=2)
    runner(network, tmp_path / 'guided', iterations=6, hooks=[hook, Alphas()]).train()
    assert alphas == pytest.approx([0, 0, 0.3, 0.6, 0.9, 0.9])


@pytest.mark.parametrize('scorer', SCORERS)
@pytest.mark.parametrize('warmup', [0, 2, 3])
def test_resumes_exactly(network, tmp_path, scorer, warmup):
    def hooks():
        gain = {**LAYERS, 'scorer': scorer, 'one_class': True, 'ema_decay': 0.5}
        return [GAINHook(gain=gain, warmup=warmup, ramp=2)]

    straight = runner(network, tmp_path / 'straight', hooks=hooks())
    straight.train()
    runner(network, tmp_path / 'halted', iterations=2, hooks=hooks()).train()
    resumed = runner(network, tmp_path / 'halted', hooks=hooks(), resume=True)
    resumed.train()
    assert all(torch.equal(value, weights(resumed)[name]) for name, value in weights(straight).items())


def test_resuming_a_plain_run_with_a_scorer_says_so(network, tmp_path):
    runner(network, tmp_path, iterations=2).train()
    hook = GAINHook(gain={**LAYERS, 'scorer': 'frozen'})
    with pytest.raises(ValueError, match='has no scorer'):
        runner(network, tmp_path, hooks=[hook], resume=True).train()
    late = GAINHook(gain={**LAYERS, 'scorer': 'frozen'}, warmup=2)
    runner(network, tmp_path, hooks=[late], resume=True).train()


def test_masks_add_loss_ext(network, tmp_path):
    losses = Losses()
    runner(network, tmp_path, hooks=[GAINHook(gain=LAYERS), losses], masks=True).train()
    assert all(outputs['loss_ext'] > 0 for outputs in losses.seen)


def test_gradients_accumulate(tiny, tmp_path):
    """Two halves and one step equal the whole batch, for a network without batch norm."""
    results = []
    for size, count in ((8, 1), (4, 2)):
        built = runner(tiny(), tmp_path / str(size), iterations=2 * count, hooks=[GAINHook(gain=LAYERS)])
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
    built = runner(network, tmp_path, hooks=[GAINHook(gain=LAYERS)])
    built.optim_wrapper.update(type='AmpOptimWrapper', dtype='bfloat16')
    built.train()
    assert all(value.isfinite().all() for value in weights(built).values())


def test_errors_come_before_training(network, tmp_path):
    with pytest.raises(TypeError, match='scoring'):
        GAINHook(gain={'scoring': 'frozen'})
    with pytest.raises(ValueError, match="no layer 'network.featurs'; closest: 'network.features'"):
        runner(network, tmp_path / 'a', hooks=[GAINHook(gain={'target_layer': 'network.featurs'})]).train()
    with pytest.raises(ValueError, match='remove it, or compile the stages'):
        runner(network, tmp_path / 'b', hooks=[GAINHook(gain=LAYERS)], cfg={'compile': True}).train()
