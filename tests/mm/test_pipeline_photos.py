from pathlib import Path

import pytest
from mmengine.config import Config

from gain_plugin.mm.label_samples import sources_of
from gain_plugin.mm.pipeline import Pipeline, photos_to_label


def photos(root, **settings):
    return {'type': 'VOCTagsDataset', 'data_root': str(root), 'ann_file': 'list.txt', 'pipeline': ['train'], **settings}


def config(train, test):
    return Config({'train_dataloader': {'dataset': train}, 'test_dataloader': {'dataset': test}})


def test_sources_are_what_wrappers_are_around_each_once():
    one, two = photos('one'), photos('two')
    inner = {'type': 'RepeatDataset', 'times': 3, 'dataset': {'type': 'ConcatDataset', 'datasets': [one, two]}}
    assert sources_of({'type': 'BalancedConcat', 'datasets': [inner, one]}) == [one, two]
    assert sources_of(one) == [one]


def test_the_photos_of_the_training_are_labelled_as_the_test_reads_them(tmp_path):
    (tmp_path / 'one/SegmentationClass').mkdir(parents=True)
    train = [photos(tmp_path / 'one', masks='none'), photos(tmp_path / 'two', masks='all')]
    cfg = config({'type': 'ConcatDataset', 'datasets': train}, photos('other', pipeline=['test']))
    made = photos_to_label(cfg)
    assert made['type'] == 'ConcatDataset'
    assert [source['masks'] for source in made['datasets']] == ['found', 'none']
    for source, before in zip(made['datasets'], train, strict=True):
        assert {**source, 'masks': None} == {**before, 'masks': None, 'pipeline': ['test'], 'test_mode': True}
    assert cfg.train_dataloader.dataset.datasets[0].pipeline == ['train']


def test_a_data_set_of_another_kind_keeps_its_arguments():
    made = photos_to_label(config({'type': 'Mine', 'pipeline': ['train']}, {'type': 'Mine', 'pipeline': ['test']}))
    assert made == {'type': 'Mine', 'pipeline': ['test'], 'test_mode': True}


def test_a_stream_is_refused_before_it_trains(tmp_path):
    (tmp_path / 'streamed.py').write_text("train_dataloader = dict(dataset=dict(type='StreamedPhotos'))")
    segmenter = Path('configs/voc_animals_segmenters/deeplabv3plus.py')
    with pytest.raises(ValueError, match=r'streamed.py trains from a stream, and labels are made for lists: label one'):
        Pipeline(tmp_path / 'streamed.py', segmenter, tmp_path)


def test_how_maps_are_read_is_overridden(tmp_path):
    classifier, segmenter = Path('configs/synthetic/plain.py'), Path('configs/voc_animals_segmenters/deeplabv3plus.py')
    options = {'flip': False, 'affinity.layers': ('network.0', 'network.1')}
    attention = Pipeline(classifier, segmenter, tmp_path, attention_options=options).classifier.default_hooks.attention
    assert (attention.flip, attention.affinity.layers) == (False, ('network.0', 'network.1'))
    assert attention.type == 'AttentionHook'
    with pytest.raises(ValueError, match='has no AttentionHook: add default_hooks'):
        Pipeline(segmenter, segmenter, tmp_path, attention_options=options)
