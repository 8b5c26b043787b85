import numpy as np
import pytest
from PIL import Image

from gain_plugin.mm import VOCTagsDataset


@pytest.fixture
def voc(tmp_path):
    """Two images; the first shows a cat (8) and a car (7), the second a dog (12) and unknown pixels."""
    for folder in ('JPEGImages', 'SegmentationClassAug'):
        (tmp_path / folder).mkdir()
    for name, values in (('a', [0, 7, 8]), ('b', [0, 12, 255])):
        Image.new('RGB', (3, 2), 'red').save(tmp_path / 'JPEGImages' / f'{name}.jpg')
        mask = Image.fromarray(np.array([values, values], np.uint8), 'P')
        mask.putpalette([0] * 768)
        mask.save(tmp_path / 'SegmentationClassAug' / f'{name}.png')
    (tmp_path / 'list.txt').write_text('a\nb\n')
    (tmp_path / 'masked.txt').write_text('b\n')
    (tmp_path / 'empty.txt').write_text('\n')
    (tmp_path / 'tags.csv').write_text('id,labels\na,cat car\nb,dog cat\n')
    return tmp_path


def build(voc, **settings):
    return VOCTagsDataset(str(voc), 'list.txt', **{'classes': ('dog', 'cat'), **settings})


def test_tags_and_masks(voc):
    first, second = build(voc, tags_file='tags.csv')
    assert first['img'].shape == (2, 3, 3) and first['img'].dtype == np.uint8
    assert first['img'][0, 0, 0] > 200 > first['img'][0, 0, 2]  # RGB
    assert (first['gt_label'], second['gt_label']) == ([1], [0, 1])
    assert first['gt_seg_map'].tolist() == [[0, 0, 2]] * 2  # the car is background
    assert second['gt_seg_map'].tolist() == [[0, 1, 255]] * 2


def test_labels_from_masks(voc):
    assert [sample['gt_label'] for sample in build(voc)] == [[1], [0]]


def test_masks_for_some_or_none(voc):
    first, second = build(voc, tags_file='tags.csv', masks='masked.txt')
    assert (first['gt_seg_map'] == 255).all() and (second['gt_seg_map'] == 1).any()
    assert 'gt_seg_map' not in build(voc, tags_file='tags.csv', masks='none')[0]


def test_tags_of_more_classes_than_masks_can_number(voc):
    classes = ('cat', 'dog', 'car', *(f'thing {number}' for number in range(300)))
    assert len(build(voc, tags_file='tags.csv', masks='none', classes=classes).metainfo['classes']) == 303
    with pytest.raises(ValueError, match='303 classes do not fit into masks of 8 bit'):
        build(voc, classes=classes, mask_classes=classes)


def test_each_image_is_decoded_once_if_kept(voc, monkeypatch):
    data = build(voc, tags_file='tags.csv', masks='none', cache=True)
    first = data[0]['img']
    monkeypatch.setattr(Image, 'open', None)
    assert np.array_equal(data[0]['img'], first)


def test_multi_hot_vectors_in_the_place_of_a_table(voc):
    np.save(voc / 'cls_labels.npy', {'a': np.array([1.0, 0]), 'b': np.array([1, 1])})
    data = build(voc, tags_file='cls_labels.npy', masks='none')
    assert [data.get_cat_ids(index) for index in range(2)] == [[0], [0, 1]]


def test_classes_that_no_photo_shows_are_named(voc, monkeypatch):
    (voc / 'none.csv').write_text('id,labels\na,\nb,cat\n')
    said = []
    monkeypatch.setattr('gain_plugin.mm.dataset.print_log', lambda text, *_: said.append(text))
    assert len(build(voc, tags_file='none.csv', masks='none')) == 2
    assert said == [f"no photo of {voc}/list.txt shows ['dog']: these are not learnt from it"]
    build(voc, tags_file='none.csv', masks='none', test_mode=True)
    assert len(said) == 1


def test_a_photo_that_is_listed_twice(voc):
    (voc / 'twice.txt').write_text('a\n./a.jpg\n')
    with pytest.raises(ValueError, match=r"twice.txt lists .*a.jpg twice, as 'a' and './a.jpg'"):
        VOCTagsDataset(str(voc), 'twice.txt', ('dog', 'cat'), 'tags.csv', 'none')


def test_errors_say_what_to_do(voc):
    with pytest.raises(FileNotFoundError, match=r'list of images .*none.txt is not there'):
        VOCTagsDataset(str(voc), 'none.txt')
    with pytest.raises(ValueError, match=r'empty.txt is empty'):
        VOCTagsDataset(str(voc), 'empty.txt')
    with pytest.raises(ValueError, match=r"classes \['cats'\] are not among"):
        build(voc, classes=('cats',), mask_classes=('cat',))
    (voc / 'tags.csv').write_text('id,labels\na,cat car\n')
    with pytest.raises(ValueError, match=r"tags.csv has no row for the image 'b' of .*list.txt; its rows are as 'a'"):
        build(voc, tags_file='tags.csv')
    (voc / 'tags.csv').write_text('number,labels\na,cat car\n')
    with pytest.raises(ValueError, match='needs the columns id and labels'):
        build(voc, tags_file='tags.csv')
    with pytest.raises(FileNotFoundError, match=r'nothing.csv is not there'):
        build(voc, tags_file='nothing.csv')
    Image.new('P', (4, 4)).save(voc / 'SegmentationClassAug' / 'a.png')
    with pytest.raises(ValueError, match=r'a.png is \(4, 4\), its image \(2, 3\)'):
        build(voc)[0]
    (voc / 'JPEGImages' / 'a.jpg').write_bytes(b'no image')
    with pytest.raises(ValueError, match=r'cannot read .*a.jpg'):
        build(voc)[0]
    (voc / 'JPEGImages' / 'a.jpg').unlink()
    with pytest.raises(FileNotFoundError, match=r'a, which .*list.txt lists, is not there'):
        build(voc)


def test_a_mask_value_beyond_the_classes(voc):
    with pytest.raises(ValueError, match=r'a.png: it has the values \[7, 8\], beyond 255 and its 2 classes'):
        build(voc, mask_classes=('dog', 'cat'))
    build(voc, tags_file='tags.csv').check_masks()


def test_images_are_not_kept_in_memory(voc, monkeypatch):
    data = build(voc, tags_file='tags.csv')
    assert data[0]['img'].shape == (2, 3, 3)
    monkeypatch.setattr(Image, 'open', None)
    with pytest.raises(ValueError, match='cannot read'):
        data[0]


def test_masks_that_are_found(voc):
    (voc / 'SegmentationClassAug' / 'a.png').unlink()
    data = build(voc, tags_file='tags.csv', masks='found', background=True)
    assert (data[0]['gt_seg_map'] == 255).all() and (data[1]['gt_seg_map'] == 1).any()
    assert data.metainfo['classes'] == ('background', 'dog', 'cat') and data[0]['gt_label'] == [1]
    (voc / 'SegmentationClassAug' / 'b.png').unlink()
    with pytest.raises(ValueError, match=r'0 of 2 tagged photos of .*list.txt have a mask'):
        build(voc, tags_file='tags.csv', masks='found')


def test_names_with_blanks_folders_and_extensions(voc):
    (voc / 'photos/sub').mkdir(parents=True)
    (voc / 'masks/sub').mkdir(parents=True)
    Image.new('RGB', (3, 2)).save(voc / 'photos/sub/a b.png')
    Image.fromarray(np.full((2, 3), 2, np.uint8)).save(voc / 'masks/sub/a b.png')
    (voc / 'own.txt').write_text('sub/a b.png\n')
    (voc / 'own.csv').write_text('id,labels\nsub/a b.png,hot dog\nsub/a b.png,cat\n')
    classes = ('cat', 'hot dog', 'dog')
    data = VOCTagsDataset(
        str(voc),
        'own.txt',
        classes,
        'own.csv',
        mask_classes=classes,
        data_prefix={'img_path': 'photos', 'seg_map_path': 'masks'},
    )
    assert data[0]['gt_label'] == [0, 1]  # and no dog
    assert (data[0]['gt_seg_map'] == 2).all()
