import io
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmengine.model import ImgDataPreprocessor
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmengine.structures import BaseDataElement
from PIL import Image
from test_hook import LAYERS, Host
from tiny import Tiny
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from gain_plugin.mm import AttentionHook, GAINHook, StepSeedHook, StreamedPhotos
from gain_plugin.mm.colour_order import check_colour_order

CLASSES = ('cat', 'dog', 'hot dog')


def encoded(value: int, size: tuple[int, int] = (14, 12), **settings: object) -> bytes:
    file = io.BytesIO()
    Image.new('RGB', size, (value, 0, 9)).save(file, 'PNG', **settings)
    return file.getvalue()


class Shards(IterableDataset):
    """Photos of shards, each read by one worker; the pass goes into the red of each photo."""

    def __init__(self, shards: int) -> None:
        self.shards = range(shards)
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self):
        worker = get_worker_info()
        for shard in self.shards[worker.id :: worker.num_workers] if worker else self.shards:
            for index in range(3):
                yield {
                    'name': f'{shard}/{index}',
                    'image': encoded(100 * self.epoch + 10 * shard + index),
                    'labels': [index],
                }


def shards():
    return Shards(2)


def data(samples, pipeline=()):
    return StreamedPhotos(samples, CLASSES, pipeline)


def sample(**changes):
    return {'name': 'a', 'image': encoded(1), 'labels': [0], **changes}


def taken(samples, count):
    return list(islice(data(samples), count))


def test_a_stream_begins_again_where_it_ends():
    first, *_, last = taken(Shards(1), 5)
    assert first['img'].shape == (12, 14, 3) and first['img'].dtype == np.uint8
    assert first['img'][0, 0].tolist() == [0, 0, 9]
    assert (first['img_path'], first['gt_label'], first['ori_shape']) == ('0/0', [0], (12, 14))
    assert (last['img_path'], last['img'][0, 0, 0]) == ('0/1', 101)  # the second pass
    assert data(Shards(1)).metainfo == {'classes': CLASSES}


def test_photos_are_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side
    assert taken([sample(image=encoded(1, exif=exif))], 1)[0]['img'].shape == (14, 12, 3)


def test_workers_read_each_photo_once_a_pass():
    loader = DataLoader(data(Shards(2)), batch_size=1, num_workers=2, collate_fn=pseudo_collate)
    names = [batch['img_path'][0] for batch in islice(loader, 12)]
    assert sorted(names[:6]) == [f'{shard}/{index}' for shard in (0, 1) for index in range(3)]
    assert sorted(names[6:]) == sorted(names[:6])


def test_a_worker_without_a_shard_is_named():
    loader = DataLoader(data(Shards(1)), batch_size=1, num_workers=2, collate_fn=pseudo_collate)
    with pytest.raises(ValueError, match=r'nothing in pass 0 to worker 1 of 2, process 0 of 1: .*Lower num_workers'):
        list(islice(loader, 2))


@pytest.mark.parametrize(
    ('given', 'text'),
    [
        (sample(labels=[3]), r'labels of a must be indices of the 3 classes, as \[0, 2\], got \[3\]'),
        (sample(labels=[-1]), r'got \[-1\]'),
        (sample(labels=None), 'got None'),
        (sample(labels=['cat']), r"got \['cat'\]"),
        (sample(image=Image.new('RGB', (2, 2))), 'image of a must be the bytes of its file, got a Image: leave decod'),
        ({'jpg': b'', 'name': 'a'}, r"must give dicts with name, image, labels, it gave one with \['jpg', 'name'\]"),
        ((b'', [0]), 'it gave a tuple'),
    ],
)
def test_a_sample_of_another_form_ends_the_training(given, text):
    with pytest.raises(ValueError, match=text):
        taken([given], 1)


def test_no_label_and_labels_of_numpy_and_torch():
    labels = [[], np.array([0, 2]), torch.tensor([1])]
    assert [one['gt_label'] for one in taken([sample(labels=one) for one in labels], 3)] == [[], [0, 2], [1]]


def test_what_the_pipeline_refuses_is_named():
    with pytest.raises(ValueError, match=r'a of \(12, 14\) pixels, in the pipeline: '):
        next(iter(data([sample()], [lambda info: info['mask']])))


def test_a_broken_image_is_left_out_and_many_are_an_error(monkeypatch):
    said = []
    monkeypatch.setattr('gain_plugin.mm.streamed.print_log', lambda text, *_: said.append(text))
    broken, whole = sample(name='b', image=encoded(1)[:30]), sample()
    assert [one['img_path'] for one in taken([broken, whole], 10)] == ['a'] * 10
    assert said == 10 * ['cannot read b: it is no picture of a format that Pillow knows: it is left out']
    with pytest.raises(ValueError, match='11 of 21 images cannot be read, the last one: cannot read b'):
        taken([broken, whole], 11)
    assert len(taken([broken, *[whole] * 110], 1211)) == 1211  # with twelve broken ones, fewer than one in a hundred


@pytest.mark.parametrize('samples', [iter([1]), 7])
def test_a_stream_that_can_be_read_once_is_refused(samples):
    with pytest.raises(ValueError, match=r'an object whose iter\(\) begins a new pass, as a data set of torch is, got'):
        data(samples)


@pytest.mark.parametrize(
    ('name', 'text'),
    [('no_photos.stream', "No module named 'no_photos'"), ('test_streamed.none', "no attribute 'none'")],
)
def test_a_function_that_is_not_there_is_named(name, text):
    with pytest.raises(ValueError, match=rf'samples={name!r} cannot be imported \(.*{text}\): check .* PYTHONPATH'):
        data(name)


def test_red_is_not_swapped_with_blue():
    host = torch.nn.Module()
    host.data_preprocessor = ImgDataPreprocessor(bgr_to_rgb=True)
    with pytest.raises(ValueError, match='StreamedPhotos is RGB: set bgr_to_rgb=False'):
        check_colour_order(host, data([]))


def test_a_loop_of_epochs_is_refused():
    loader = DataLoader(data(Shards(1)), batch_size=4)
    loop = EpochBasedTrainLoop(SimpleNamespace(visualizer=SimpleNamespace()), loader, max_epochs=2)
    runner = SimpleNamespace(model=torch.nn.Module(), train_loop=loop)
    with pytest.raises(ValueError, match=r"a stream has no epochs: train_cfg=dict\(type='IterBasedTrainLoop'"):
        AttentionHook(3).before_train(runner)


class Kept(Hook):
    def before_train(self, runner):
        self.names = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.names += [one.img_path for one in data_batch['data_samples']]


def tensors(info):
    """What ``PackSegInputs`` does, for a toy."""
    image = torch.from_numpy(info['img'].copy()).permute(2, 0, 1) / 255
    return {'inputs': image, 'data_samples': BaseDataElement(metainfo={k: info[k] for k in ('gt_label', 'img_path')})}


def test_mmengine_trains_by_a_config(tmp_path, monkeypatch):
    monkeypatch.setattr('gain_plugin.mm.hook.MANY', 4)
    kept, said = Kept(), []
    runner = Runner(
        Host(Tiny()),
        str(tmp_path),
        train_dataloader={
            'batch_size': 3,
            'sampler': None,
            'dataset': {
                'type': 'StreamedPhotos',
                'samples': 'test_streamed.shards',
                'classes': CLASSES,
                'pipeline': [tensors],
            },
        },
        train_cfg={'type': 'IterBasedTrainLoop', 'max_iters': 5},
        optim_wrapper={'type': 'OptimWrapper', 'optimizer': {'type': 'SGD', 'lr': 0.1}},
        custom_hooks=[GAINHook(gain=LAYERS, loss={'ext_weight': 1.0}, warmup=2), StepSeedHook(), kept],
        randomness={'seed': 0},
        experiment_name='streamed',
        log_level='ERROR',
    )
    runner.logger.warning = said.append
    runner.train()
    assert kept.names == [f'{shard}/{index}' for shard in (0, 1, 0, 1, 0) for index in range(3)]  # a batch a shard
    assert runner.message_hub.get_scalar('train/loss_am').current() > 0
    assert 'GAIN: ext_weight is given and none of 6 photos had a mask: name masks=, or leave it out' in said
    assert any(text.endswith('one in a piece: its photos come as a stream') for text in said)
