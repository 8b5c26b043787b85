import pickle

import numpy as np
import pytest

from gain_plugin.readers import read_npy


def hot(*labels, dtype=np.float32):
    vector = np.zeros(20, dtype)
    vector[list(labels)] = 1
    return vector


def test_names_and_numbers_of_voc(tmp_path, photo):
    for name in ('2007_000032.jpg', '2007_000039.jpg', 'sub/a b.png'):
        photo(name)
    path = tmp_path / 'cls_labels.npy'
    np.save(path, {'2007_000032': hot(14, 0), 2007000039: hot(dtype=np.int64), 'sub/a b.png': hot(19)})
    found = read_npy(path, tmp_path)
    assert found.classes[0] == 'aeroplane' and len(found.classes) == 20
    assert [(one.name, one.labels) for one in found.photos] == [
        ('2007_000032.jpg', (0, 14)),
        ('2007_000039.jpg', ()),
        ('sub/a b.png', (19,)),
    ]


@pytest.mark.parametrize('protocol', range(6))
def test_every_protocol_of_pickle(tmp_path, photo, protocol):
    photo('a.jpg')
    path = tmp_path / 'cls_labels.npy'
    content = np.array({'a': np.array([1, 0]), 'b': np.float64(1)}, object)
    with path.open('wb') as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(content))
        pickle.dump({'a': np.array([1, 0])}, file, protocol=protocol)
    assert read_npy(path, tmp_path, ['cat', 'dog']).photos[0].labels == (0,)


class Harmful:
    """Would leave a file if it were unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return self.path.touch, ()


def test_nothing_runs(tmp_path):
    path = tmp_path / 'cls_labels.npy'
    np.save(path, {'a': Harmful(tmp_path / 'ran')})
    with pytest.raises(ValueError, match=r'cls_labels.npy is no dict .* it asks for .*, which is no array'):
        read_npy(path, tmp_path)
    assert not (tmp_path / 'ran').exists()
    np.load(path, allow_pickle=True)
    assert (tmp_path / 'ran').exists()  # or the test would say nothing


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (np.zeros(3), 'no dict of multi-hot vectors by np.save: an array of float64'),
        (np.array([{}], object), 'by np.save: a ndarray'),
        ({'a': hot(1)[:3]}, 'cls_labels.npy, a: a vector of 20 numbers'),
        ({'a': 0.5 * hot(1)}, 'cls_labels.npy, a: a vector of 20 numbers 0 or 1'),
        ({7: hot(1)}, 'the name 7 is neither text nor a number of VOC'),
        ({'../a': hot(1)}, "cls_labels.npy: the photo '../a' must be below the root"),
        ({}, 'has no photo'),
    ],
)
def test_other_content_is_refused(tmp_path, photo, content, message):
    photo('a.jpg')
    np.save(tmp_path / 'cls_labels.npy', content)
    with pytest.raises(ValueError, match=message):
        read_npy(tmp_path / 'cls_labels.npy', tmp_path)


def test_files_that_cannot_be_read(tmp_path):
    path = tmp_path / 'cls_labels.npy'
    with pytest.raises(FileNotFoundError, match='cls_labels.npy is not there'):
        read_npy(path, tmp_path)
    np.save(path, {'a': hot(1)})
    whole = path.read_bytes()
    for content in (b'', b'PK\x03\x04', whole[:-20]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match='cls_labels.npy is no dict'):
            read_npy(path, tmp_path)
    path.write_bytes(whole)
    with pytest.raises(FileNotFoundError, match='a, which .*cls_labels.npy lists, is not there'):
        read_npy(path, tmp_path)
