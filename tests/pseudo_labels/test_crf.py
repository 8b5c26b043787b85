import numpy as np
import pytest

from gain_plugin.pseudo_labels.crf import crf_labels

pytest.importorskip('pydensecrf')


@pytest.fixture
def image():
    """Dark to the left of column 30, light to the right of it, with noise."""
    image = np.random.default_rng(0).integers(0, 20, (40, 60, 3))
    image[:, 30:] += 200
    return image.astype(np.uint8)


def test_labels_move_to_the_edge(image):
    labels = np.zeros((40, 60), int)
    labels[:, 34:] = 2
    labels[5, 5] = 1
    before = labels.copy()
    expected = np.where(np.arange(60) >= 30, 2, 0) * np.ones((40, 1), int)
    assert np.array_equal(crf_labels(image, labels, 3), expected)
    assert np.array_equal(labels, before)


def test_image_of_another_size_or_type(image):
    with pytest.raises(ValueError, match=r'image must be \(40, 50, 3\) uint8, it is \(40, 60, 3\) uint8'):
        crf_labels(image, np.zeros((40, 50), int), 2)
    with pytest.raises(ValueError, match='float64'):
        crf_labels(image / 255, np.zeros((40, 60), int), 2)
