from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gain_plugin.readers import Annotations, Photo, Region, divide, write_annotations

BOX = Region(1, (1, 1, 3, 3))


def annotations(root, *photos, classes=('cat', 'dog')):
    return Annotations(root, classes, photos)


def test_lists_tags_and_masks_in_the_photos_folders(tmp_path, photo):
    for name in ('a/1.jpg', 'b/1.jpg', 'c.png'):
        photo(name)
    data = annotations(tmp_path, Photo('a/1.jpg', (0, 1), (BOX,)), Photo('b/1.jpg', (), ()), Photo('c.png', (0,)))
    out = tmp_path / 'out'
    assert write_annotations(data, out, 'train') == {'photos': 3, 'untagged': 1, 'masks': 2}
    assert (out / 'train.txt').read_text() == 'a/1.jpg\nb/1.jpg\nc.png\n'
    assert (out / 'train_masks.txt').read_text() == 'a/1.jpg\nb/1.jpg\n'
    assert (out / 'classes.txt').read_text() == 'cat\ndog\n'
    assert (out / 'train.csv').read_text() == 'id,labels\na/1.jpg,cat\na/1.jpg,dog\nb/1.jpg,\nc.png,cat\n'
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob('*.png')) == ['masks/a/1.png', 'masks/b/1.png']
    with Image.open(out / 'masks/a/1.png') as mask:
        assert mask.mode == 'P'
        expected = np.zeros((6, 8), int)
        expected[1:3, 1:3] = 2
        assert np.array_equal(mask, expected)
    with pytest.raises(ValueError, match=r"classes.txt has the classes \['cat', 'dog'\], here they are \['dog'\]"):
        write_annotations(annotations(tmp_path, Photo('c.png', ()), classes=('dog',)), out, 'val')


def test_no_masks(tmp_path, photo):
    photo('1.jpg')
    counts = write_annotations(annotations(tmp_path, Photo('1.jpg', (1,), (BOX,))), tmp_path / 'out', 'x', masks=False)
    assert counts['masks'] == 0 and not (tmp_path / 'out/masks').exists()


def test_what_would_be_silent_is_refused(tmp_path, photo):
    photo('1.jpg')
    with pytest.raises(ValueError, match=r'1.jpg and 1.png would have one mask and one file of labels'):
        annotations(tmp_path, Photo('1.jpg', (1,)), Photo('1.png', (1,)))
    with pytest.raises(FileNotFoundError, match='2.jpg is not there: do the names begin in'):
        write_annotations(annotations(tmp_path, Photo('2.jpg', ())), tmp_path / 'out', 'train')
    (tmp_path / '1.jpg').write_bytes(b'')
    with pytest.raises(ValueError, match='cannot read .*1.jpg'):
        write_annotations(annotations(tmp_path, Photo('1.jpg', (1,), (BOX,))), tmp_path / 'out', 'train')


def test_what_does_not_fit_the_photo_is_named(tmp_path, photo):
    pytest.importorskip('pycocotools')
    photo('1.jpg')
    code = {'size': [8, 6], 'counts': [48]}
    far = [[0.0, 0.0, 1e9, 0.0, 1e9, 1e9]]
    for region, message in (
        (Region(1, (0, 0, 1, 1), code), r'code is for \[8, 6\] \(height, width\), the photo is \(6, 8\)'),
        (Region(1, (9, 0, 12, 1)), r'\(9, 0, 12, 1\) .* is beyond the photo'),
        (Region(1, (0, 0, 100, 1)), 'is beyond the photo'),
        (Region(1, (0, 0, 1, 1), far), 'is beyond the photo'),
    ):
        data = annotations(tmp_path, Photo('1.jpg', (1,), (region,)))
        with pytest.raises(ValueError, match=f'cannot draw the mask of .*1.jpg: .*{message}'):
            write_annotations(data, tmp_path / 'out', 'train')


def test_annotations_for_another_size_are_refused(tmp_path, photo):
    photo('1.jpg')
    data = annotations(tmp_path, Photo('1.jpg', (1,), (BOX,), size=(12, 16)))
    with pytest.raises(ValueError, match=r'1.jpg is \(6, 8\) .*are for \(12, 16\): was it resized or turned'):
        write_annotations(data, tmp_path / 'out', 'train')


def test_more_classes_than_a_mask_holds(tmp_path, photo):
    photo('1.jpg')
    data = annotations(tmp_path, Photo('1.jpg', (254,)), classes=tuple(map(str, range(255))))
    with pytest.raises(ValueError, match='hold 254 classes, there are 255: write none'):
        write_annotations(data, tmp_path / 'out', 'train')
    assert write_annotations(data, tmp_path / 'out', 'train', masks=False)['photos'] == 1


@pytest.mark.parametrize(
    ('mask', 'message'),
    [
        (Image.new('RGB', (8, 6), (9, 0, 0)), 'mask.png: it is RGB with 1 colours'),
        (Image.fromarray(np.full((6, 8), 300, np.uint16)), r'mask.png: it has the values \[300\].* 16 bit'),
        (Image.fromarray(np.eye(6, 8, dtype=np.uint8) * 255), 'mask.png has background and unknown alone'),
    ],
)
def test_masks_that_say_something_else_are_refused(tmp_path, photo, mask, message):
    photo('1.jpg')
    mask.save(tmp_path / 'mask.png')
    data = annotations(tmp_path, Photo('1.jpg', (0,), None, tmp_path / 'mask.png'))
    with pytest.raises(ValueError, match=message):
        write_annotations(data, tmp_path / 'out', 'train')


def test_dividing_keeps_the_share_of_every_label():
    photos = [Photo(f'{number:02}.jpg', (number % 2,)) for number in range(20)]
    rest, drawn = divide(annotations(Path(), *photos), 0.2)
    assert (len(rest.photos), len(drawn.photos)) == (16, 4)
    assert sorted(photo.labels for photo in drawn.photos) == [(0,), (0,), (1,), (1,)]
    assert {*rest.photos, *drawn.photos} == set(photos)
    assert divide(annotations(Path(), *photos), 0.2)[1] == drawn
    for share in (0, 1, 0.01):
        with pytest.raises(ValueError, match=f'{share:g} of 20 photos leaves one of two lists empty'):
            divide(annotations(Path(), *photos), share)
