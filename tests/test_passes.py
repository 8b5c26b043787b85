import copy

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.distributed import fsdp

from gain_plugin import GAIN
from gain_plugin.passes import pass_with


class NamedTwice(nn.Module):
    """Stages under two names, and two layers that share a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1 = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU())
        self.stage2 = nn.Sequential(nn.Conv2d(6, 6, 3, 2, 1), nn.ReLU())
        self.stage3 = nn.Sequential(nn.Conv2d(6, 6, 3, 1, 1), nn.ReLU())
        self.stage3[0].weight = self.stage2[0].weight
        self.classifier = nn.Conv2d(6, 3, 1, bias=False)
        self.backbone = nn.ModuleList([self.stage1, self.stage2, self.stage3])
        self.newly_added = nn.ModuleList([self.classifier])

    def forward(self, images):
        features = self.stage3(self.stage2(self.stage1(images)))
        return self.classifier(features.mean((-2, -1), keepdim=True)).flatten(1)


@pytest.mark.parametrize('scorer', ['shared', 'detached', 'frozen', 'ema'])
def test_modules_under_two_names_keep_their_parameters_and_learn(scorer, images, labels):
    model = NamedTwice()
    before = {name: (parameter, parameter.detach().clone()) for name, parameter in model.named_parameters()}
    gain = GAIN(model, scorer=scorer)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(3):
        scores, losses = gain(images, labels)
        optimizer.zero_grad()
        (F.multilabel_soft_margin_loss(scores, labels.float()) + sum(losses.values())).backward()
        optimizer.step()
    now = dict(model.named_parameters())
    assert now.keys() == before.keys()
    for name, (parameter, value) in before.items():
        assert now[name] is parameter
        assert not torch.equal(parameter, value)
    assert model.stage3[0].weight is model.stage2[0].weight


def test_attaching_changes_no_value():
    model = NamedTwice()
    nn.init.zeros_(model.stage2[0].bias)
    before = copy.deepcopy(model.state_dict())
    GAIN(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_replaced_parameters_are_shared_as_they_were():
    model = NamedTwice().eval()
    images = torch.randn(2, 3, 16, 16)
    seen = []
    twice = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in twice.parameters():
            parameter *= 2
    output = pass_with(model, lambda parameter: seen.append(parameter) or 2 * parameter, (images,))
    torch.testing.assert_close(output, twice(images))


def shard(model):
    fsdp.fully_shard(model, mesh=dist.device_mesh.init_device_mesh('cpu', (1,)))  # in place
    return model


def shard_as_before(model):
    return fsdp.FullyShardedDataParallel(model, device_id=torch.device('cpu'), use_orig_params=True)


@pytest.fixture(scope='module')
def group():
    dist.init_process_group('gloo', rank=0, world_size=1, store=dist.HashStore())
    yield
    dist.destroy_process_group()


@pytest.mark.skipif(not hasattr(fsdp, 'fully_shard'), reason='torch before 2.6, whose old FSDP knows no CPU')
@pytest.mark.usefixtures('group')
@pytest.mark.filterwarnings('ignore:FSDP is switching to use `NO_SHARD`')
@pytest.mark.parametrize('sharding', [shard, shard_as_before])
def test_fsdp_is_refused_in_either_order(tiny, images, labels, sharding):
    with pytest.raises(ValueError, match='is sharded by FSDP, .*: take .* DistributedDataParallel around GAIN'):
        GAIN(sharding(tiny()), scorer='frozen')
    model = GAIN(tiny(), scorer='shared', target_layer='features')
    sharded = sharding(model)
    for call in (sharded, model.attention):
        with pytest.raises(ValueError, match='Tiny is sharded by FSDP'):
            call(images, labels)
    scorer = GAIN(tiny(), scorer='frozen', target_layer='features')
    sharding(scorer.scorer.model)
    with pytest.raises(ValueError, match='Tiny is sharded by FSDP'):
        scorer(images, labels)
