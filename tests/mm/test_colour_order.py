from types import SimpleNamespace

import pytest
from mmengine.dataset import ConcatDataset
from mmengine.model import ImgDataPreprocessor
from PIL import Image
from torch import nn

from gain_plugin.mm import AttentionHook, VOCTagsDataset
from gain_plugin.mm.colour_order import check_colour_order


def photos(root, pipeline=()):
    (root / 'JPEGImages').mkdir(exist_ok=True)
    Image.new('RGB', (4, 4), 'red').save(root / 'JPEGImages/a.png')
    (root / 'list.txt').write_text('a\n')
    (root / 'tags.csv').write_text('id,labels\na,cat\n')
    return VOCTagsDataset(str(root), 'list.txt', ('cat',), 'tags.csv', 'none', pipeline=pipeline)


@pytest.mark.parametrize('wrap', [lambda data: data, lambda data: ConcatDataset([data])])
def test_red_is_not_swapped_with_blue(tmp_path, wrap):
    host = nn.Module()
    host.data_preprocessor = ImgDataPreprocessor(bgr_to_rgb=True)
    with pytest.raises(ValueError, match=r'swaps red and blue, and .*list.txt is RGB already: set bgr_to_rgb=False'):
        check_colour_order(host, wrap(photos(tmp_path)))
    check_colour_order(host, wrap(photos(tmp_path, [{'type': 'LoadImageFromFile'}])))
    host.data_preprocessor = ImgDataPreprocessor()
    check_colour_order(host, wrap(photos(tmp_path)))


def test_training_without_guidance_is_told_too(tmp_path):
    host = nn.Module()
    host.data_preprocessor = ImgDataPreprocessor(bgr_to_rgb=True)
    loop = SimpleNamespace(dataloader=SimpleNamespace(dataset=photos(tmp_path)))
    with pytest.raises(ValueError, match='swaps red and blue'):
        AttentionHook(1).before_train(SimpleNamespace(model=host, train_loop=loop))
