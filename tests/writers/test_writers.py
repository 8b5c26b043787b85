import numpy as np
import pytest
import torch

from gain_plugin.readers import read_yolo
from gain_plugin.writers import WRITERS, write_arrays, write_boxes, write_irn, write_psa

CLASSES = np.array([1, 4])


@pytest.fixture
def maps():
    """(2, 5, 9): the first is 0.5 in two areas, the second rises from 0 to 1 from left to right."""
    maps = np.zeros((2, 5, 9), np.float64)
    maps[0, 1:3, 2:5] = maps[0, 4, 8] = 0.5
    maps[1] = np.linspace(0, 1, 9)
    return maps


def load(path):
    return np.load(path, allow_pickle=True).item()


def test_dict_of_irn_in_its_sub_folder(tmp_path, maps):
    path = write_irn(tmp_path, 'a b/1', maps, CLASSES)
    assert path == tmp_path / 'a b/1.npy'
    content = load(path)
    assert list(content) == ['keys', 'cam', 'high_res']
    np.testing.assert_array_equal(np.pad(content['keys'] + 1, (1, 0)), [0, 2, 5])  # as IRN reads them
    assert content['high_res'].dtype == np.float32
    np.testing.assert_allclose(content['high_res'], maps, atol=1e-7)
    assert content['cam'].shape == (2, 2, 3)  # 5 and 9 by 4, rounded up
    scale = 9 / 3  # the middle of the second column is that of the photo
    torch.testing.assert_close(content['cam'][1, 0, 1].item(), maps[1, 0, int(1.5 * scale)], atol=1e-6, rtol=0)


def test_dict_of_psa(tmp_path, maps):
    content = load(write_psa(tmp_path, '1', maps, CLASSES))
    assert list(content) == [1, 4] and {type(key) for key in content} == {int}
    np.testing.assert_allclose(content[4], maps[1], atol=1e-7)


def test_plain_arrays_need_no_unpickling(tmp_path, maps):
    with np.load(write_arrays(tmp_path, '1', maps, CLASSES), allow_pickle=False) as content:
        assert content['maps'].dtype == np.float32 and content['classes'].tolist() == [1, 4]
        np.testing.assert_allclose(content['maps'], maps, atol=1e-7)


def test_boxes_are_those_that_our_reader_of_yolo_reads(tmp_path, maps):
    from PIL import Image

    path = write_boxes(tmp_path, 'x/1', maps, CLASSES)
    assert len(path.read_text().splitlines()) == 3
    Image.new('RGB', (9, 5)).save(tmp_path / 'x/1.png')
    (tmp_path / 'classes.txt').write_text('a\nb\nc\nd\ne\n')
    (photo,) = read_yolo(tmp_path).photos
    assert photo.labels == (1, 4)
    boxes = [(region.label, *(round(edge, 3) for edge in region.box)) for region in photo.regions]
    assert boxes == [(1, 2, 1, 5, 3), (1, 8, 4, 9, 5), (4, 3, 0, 9, 5)]  # 0.375 is the fourth of nine values
    assert write_boxes(tmp_path, '2', maps[:1], CLASSES[:1], threshold=0.5).read_text() == ''


@pytest.mark.parametrize('form', WRITERS)
def test_an_image_without_classes_has_a_file(tmp_path, form):
    path = WRITERS[form](tmp_path, '1', np.zeros((0, 5, 9)), np.zeros(0, int))
    assert path.is_file() and path.stem == '1'


@pytest.mark.parametrize('form', WRITERS)
@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda maps: (maps[0], CLASSES, '1'), r'maps must be \(n, H, W\)'),
        (lambda maps: (maps, CLASSES[:1], '1'), r'classes \(n,\), they are \(2, 5, 9\) and \(1,\)'),
        (lambda maps: (maps, CLASSES[::-1], '1'), r'classes must ascend from 0 on, each once, they are \[4, 1\]'),
        (lambda maps: (maps, np.array([3, 3]), '1'), 'each once'),
        (lambda maps: (maps * 2, CLASSES, '1'), 'maps must be in 0..1, they are in 0..2'),
        (lambda maps: (maps * np.nan, CLASSES, '1'), 'maps must be in 0..1'),
        (lambda maps: (maps, CLASSES, '../1'), r"the name '\.\./1' must be a path below"),
        (lambda maps: (maps, CLASSES, '/1'), "the name '/1' must be a path below"),
    ],
)
def test_what_is_refused(tmp_path, maps, form, change, message):
    changed, classes, name = change(maps)
    with pytest.raises(ValueError, match=message):
        WRITERS[form](tmp_path / 'out', name, changed, classes)


def test_a_threshold_out_of_range(tmp_path, maps):
    with pytest.raises(ValueError, match='threshold must be in 0..1, below 1, got 1'):
        write_boxes(tmp_path, '1', maps, CLASSES, threshold=1)
