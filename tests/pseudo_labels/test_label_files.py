import numpy as np
import pytest
from PIL import Image

from gain_plugin.pseudo_labels.files import is_labelled, write_label


def test_a_label_counts_only_if_it_is_whole(tmp_path):
    assert not is_labelled(tmp_path, 'a/b')
    write_label(tmp_path / 'a/b.png', np.arange(6, dtype=np.uint8).reshape(2, 3))
    assert is_labelled(tmp_path, 'a/b')
    with Image.open(tmp_path / 'a/b.png') as picture:
        assert picture.mode == 'P' and np.asarray(picture).tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize('size', [0, 7, 40, -20])
def test_a_label_that_was_cut_off_does_not_count(tmp_path, size):
    write_label(tmp_path / 'a.png', np.random.default_rng(0).integers(0, 9, (30, 30), np.uint8))
    content = (tmp_path / 'a.png').read_bytes()
    (tmp_path / 'a.png').write_bytes(content[:size])
    assert not is_labelled(tmp_path, 'a')
