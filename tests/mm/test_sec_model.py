import pytest
import torch
from mmengine.registry import MODELS
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from gain_plugin.mm.sec import SEC
from gain_plugin.sec import floored_softmax, seeding_loss


def build(**settings):
    head = {
        'type': 'mmseg.FCNHead',
        'in_channels': 3,
        'channels': 3,
        'num_convs': 0,
        'concat_input': False,
        'dropout_ratio': 0,
        'num_classes': 3,
        'norm_cfg': None,
        'align_corners': False,
    }
    normal = {'type': 'mmseg.SegDataPreProcessor', 'mean': [100.0] * 3, 'std': [50.0] * 3, 'size': (16, 16)}
    settings = {'backbone': {'type': 'Halve'}, 'decode_head': head, 'data_preprocessor': normal, **settings}
    return SEC(**settings)


@MODELS.register_module(force=True)
class Halve(torch.nn.AvgPool2d):
    def __init__(self):
        super().__init__(2)

    def forward(self, images):
        return (super().forward(images),)


def sample(tags, seeds):
    made = SegDataSample(gt_sem_seg=PixelData(data=seeds[None]))
    made.set_field(tags, 'gt_label')
    return made


def batch():
    seeds = torch.full((16, 16), 255)
    seeds[:4, :4], seeds[10:, 10:] = 0, 2
    images = [torch.randint(0, 256, (3, 16, 16), dtype=torch.uint8) for _ in range(2)]
    return {'inputs': images, 'data_samples': [sample([1], seeds), sample([0, 1], seeds.flip(0))]}


def test_losses_of_a_step():
    pytest.importorskip('pydensecrf')
    model = build()
    data = model.data_preprocessor(batch(), training=True)
    losses = model(**data, mode='loss')
    assert list(losses) == ['loss_seed', 'loss_expand', 'loss_constrain']
    scores = model.decode_head(model.backbone(data['inputs']))
    seeds = torch.full((8, 8), 255)
    seeds[:2, :2], seeds[5:, 5:] = 0, 2
    expected = seeding_loss(floored_softmax(scores), torch.stack([seeds, seeds.flip(0)]))
    torch.testing.assert_close(losses['loss_seed'], expected)
    sum(losses.values()).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.decode_head.conv_seg.parameters())


def test_pixels_are_those_before_normalisation():
    model, raw = build(), batch()
    inputs = model.data_preprocessor(batch_of(raw), training=True)['inputs']
    assert (model._pixels(inputs, torch.Size([16, 16])) == torch.stack(raw['inputs']).permute(0, 2, 3, 1).numpy()).all()


def batch_of(raw):
    return {'inputs': [image.clone() for image in raw['inputs']], 'data_samples': raw['data_samples']}


def test_checkpoint_keys_are_those_of_the_encoder_decoder():
    settings = {
        'backbone': {'type': 'Halve'},
        'decode_head': {'type': 'mmseg.FCNHead', 'in_channels': 3, 'channels': 2},
    }
    settings['decode_head'].update(num_classes=3)
    plain = MODELS.build({'type': 'mmseg.EncoderDecoder', **settings})
    assert list(SEC(**settings).state_dict()) == list(plain.state_dict())


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match='set auxiliary_head=None'):
        build(auxiliary_head={'type': 'mmseg.FCNHead'})
    data = build().data_preprocessor(batch(), training=True)
    data['data_samples'][0].gt_sem_seg.data[0, 0, 0] = 7
    with pytest.raises(ValueError, match='seeds of class 7, but the head has num_classes=3'):
        build()(**data, mode='loss')
    for own in data['data_samples']:
        del own.gt_sem_seg
    with pytest.raises(ValueError, match='SEC needs seeds'):
        build()(**data, mode='loss')
