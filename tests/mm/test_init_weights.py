"""mmengine's Runner calls ``init_weights`` when training begins: what a network was built with has to be kept."""

import pytest
import timm
import torch
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModule
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch import nn
from torch.utils.data import DataLoader

from gain_plugin.mm.classifier import MultiLabelClassifier

SMALL = {'img_size': 32, 'depth': 1}
# of each module of timm with an ``init_weights``, a small model
TIMM = {
    'beit': ('beit_base_patch16_224', {**SMALL, 'embed_dim': 32, 'num_heads': 2}),
    'csatv2': ('csatv2', {}),
    'deit': ('deit_tiny_distilled_patch16_224', SMALL),
    'efficientformer_v2': ('efficientformerv2_s0', {}),
    'efficientvim': ('efficientvim_m1', {}),
    'efficientvit_msra': ('efficientvit_m0', {}),
    'eva': ('eva02_tiny_patch14_224', {'img_size': 28, 'depth': 1}),
    'hrnet': ('hrnet_w18_small', {}),
    'iformer': ('iformer_t', {}),
    'levit': ('levit_128s', {}),
    'mlp_mixer': ('mixer_s32_224', {}),
    'nest': ('nest_tiny', {'img_size': 64}),
    'resnet': ('test_resnet', {}),
    'resnetv2': ('resnetv2_50', {}),
    'sequencer': ('sequencer2d_s', {}),
    'swin_transformer': ('swin_tiny_patch4_window7_224', {'img_size': 64, 'window_size': 2}),
    'swin_transformer_v2': ('swinv2_tiny_window8_256', {'img_size': 64}),
    'swin_transformer_v2_cr': ('swinv2_cr_tiny_224', {'img_size': 64}),
    'tiny_vit': ('tiny_vit_5m_224', {}),
    'vision_transformer': ('test_vit', {}),
    'vision_transformer_relpos': ('vit_relpos_small_patch16_224', SMALL),
    'vitamin': ('vitamin_small_224', {'img_size': 64}),
}
LARGE = {  # looked at without weights
    'deepseek_vit': 'deepseek_vit_412m',
    'gemma4_vit': 'gemma4_vit_167m',
    'naflexvit': 'naflexvit_base_patch16_gap',
    'qwen3_vit': 'qwen3_vit_88m',
}


@pytest.mark.parametrize('module', TIMM)
def test_networks_of_timm_keep_their_weights(module):
    name, options = TIMM[module]
    model = MultiLabelClassifier({'type': 'timm.create_model', 'model_name': name, 'num_classes': 2, **options})
    assert callable(getattr(model.network, 'init_weights', None))
    state = {key: value.clone() for key, value in model.state_dict().items()}
    model.init_weights()
    assert all(value.equal(state[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize('module', LARGE)
def test_large_networks_of_timm_are_not_asked_to_draw(module, monkeypatch):
    with torch.device('meta'):
        network = timm.create_model(LARGE[module], num_classes=2)
    monkeypatch.setattr(type(network), 'init_weights', lambda *_: pytest.fail('weights are drawn anew'))
    monkeypatch.setattr(timm, 'create_model', lambda **_: network)
    MultiLabelClassifier({'type': 'timm.create_model'}).init_weights()


class Own(BaseModule):
    """A network in mmengine's form."""

    def __init__(self, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.fc = nn.Linear(3, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.fc(images.mean((2, 3)))


def trained() -> Own:
    model = Own({'type': 'Constant', 'layer': 'Linear', 'val': 5.0})
    nn.init.constant_(model.fc.weight, 7.0)
    return model


def train(model: MultiLabelClassifier, folder: str) -> None:
    """One iteration that moves no weight."""
    sample = {'inputs': torch.randn(3, 64, 64), 'data_samples': BaseDataElement(metainfo={'gt_label': [0]})}
    Runner(
        model,
        folder,
        train_dataloader=DataLoader([sample, sample], batch_size=2, collate_fn=pseudo_collate),
        train_cfg={'by_epoch': False, 'max_iters': 1},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.0}},
        experiment_name=folder.replace('/', '_'),
    ).train()


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize(
    'network',
    [
        {'type': 'timm.create_model', 'model_name': 'test_resnet', 'num_classes': 2},
        {'type': 'torchvision.models.resnet18', 'num_classes': 2},
        {'type': trained},
    ],
    ids=['timm', 'torchvision', 'a trained one of mmengine'],
)
def test_weights_are_there_in_the_first_step(network, tmp_path):
    model = MultiLabelClassifier(network, data_preprocessor={'type': 'ImgDataPreprocessor'})
    before = {name: value.clone() for name, value in model.named_parameters()}
    train(model, str(tmp_path))
    assert all(value.equal(before[name]) for name, value in model.named_parameters())


@pytest.mark.filterwarnings('ignore')
def test_mmengines_own_classes_do_as_their_config_says(tmp_path):
    model = MultiLabelClassifier(
        {'type': Own, 'init_cfg': {'type': 'Constant', 'layer': 'Linear', 'val': 5.0}},
        data_preprocessor={'type': 'ImgDataPreprocessor'},
    )
    train(model, str(tmp_path))
    assert (model.network.fc.weight == 5).all()


@pytest.mark.filterwarnings('ignore')
def test_a_checkpoint_that_a_network_of_mmpretrain_names_is_loaded(tmp_path):
    pytest.importorskip('mmpretrain.models')
    config = {'type': 'mmpretrain.models.ResNet', 'depth': 18}
    built = MultiLabelClassifier(config).network
    torch.save(built.state_dict(), tmp_path / 'trained.pth')
    init_cfg = {'type': 'Pretrained', 'checkpoint': str(tmp_path / 'trained.pth')}
    model = MultiLabelClassifier({**config, 'init_cfg': init_cfg})
    model.init_weights()
    state = model.network.state_dict()
    assert all(state[key].equal(value) for key, value in built.state_dict().items())
