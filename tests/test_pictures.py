import numpy as np
import pytest
import torch
from matplotlib import colormaps
from PIL import Image

from gain_plugin import map_boxes, overlay, save_maps


def test_overlay_is_a_mean_of_photo_and_colours():
    photo = np.full((4, 6, 3), 100, np.uint8)
    attention = torch.zeros(4, 6)
    attention[:, 3:] = 1
    drawn = overlay(photo, attention, opacity=0.5)
    dark, light = (255 * np.array(colormaps['viridis'](end)[:3]) for end in (0.0, 1.0))
    assert np.allclose(drawn[0, 0], 50 + 0.5 * dark, atol=1)
    assert np.allclose(drawn[0, 5], 50 + 0.5 * light, atol=1)
    assert (overlay(photo, attention, opacity=0) == photo).all()


def test_overlay_gets_lighter_with_the_map():
    drawn = overlay(np.zeros((1, 11, 3), np.uint8), torch.linspace(0, 1, 11)[None], opacity=1)
    lightness = drawn @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(lightness[0]) > 0).all()


def test_a_map_is_brought_to_the_photo():
    assert overlay(np.zeros((30, 50, 3), np.uint8), torch.rand(3, 5)).shape == (30, 50, 3)


@pytest.mark.parametrize(
    ('image', 'attention', 'message'),
    [
        (np.zeros((4, 4), np.uint8), torch.zeros(4, 4), r'must be \(H, W, 3\) uint8'),
        (np.zeros((4, 4, 3)), torch.zeros(4, 4), 'float64'),
        (np.zeros((4, 4, 3), np.uint8), torch.zeros(1, 4, 4), r'take one of the maps \(P, h, w\)'),
        (np.zeros((4, 4, 3), np.uint8), torch.full((4, 4), 3.0), 'must be in 0..1'),
        (np.zeros((4, 4, 3), np.uint8), torch.full((4, 4), torch.nan), 'must be in 0..1'),
    ],
)
def test_what_cannot_be_drawn_is_refused(image, attention, message):
    with pytest.raises(ValueError, match=message):
        overlay(image, attention)


def test_boxes_of_all_areas_the_largest_first():
    attention = torch.zeros(8, 10)
    attention[0:2, 0:1] = 0.9
    attention[3:7, 4:9] = 0.6
    attention[7, 9] = 0.6  # touches by a corner
    assert map_boxes(attention).tolist() == [[4, 3, 10, 8], [0, 0, 1, 2]]
    assert map_boxes(attention, 0.7).tolist() == [[0, 0, 1, 2]]
    assert map_boxes(torch.zeros(8, 10)).shape == (0, 4)


def test_boxes_at_the_size_of_the_photo():
    attention = torch.zeros(4, 4)
    attention[:2, 2:] = 1
    assert map_boxes(attention, 0.5, size=(40, 80)).tolist() == [[40, 0, 80, 20]]


def test_saved_maps_are_the_maps(tmp_path):
    maps = torch.tensor([[[0.0, 0.5, 1.0]], [[1.0, 0.2, 0.0]]])
    one, two = save_maps(tmp_path / 'new', 'photo', maps, ['tabby, tabby cat', 'a/b'])
    assert (one.name, two.name) == ('photo.tabby_tabby_cat.npy', 'photo.a_b.npy')
    assert np.load(one).dtype == np.float32
    assert np.load(two).tolist() == maps[1].tolist()
    grey, _ = save_maps(tmp_path, 'photo', maps, ['cat', 'dog'], 'png')
    with Image.open(grey) as image:
        assert np.asarray(image).tolist() == [[0, 128, 255]]


def test_other_forms_and_counts_are_refused(tmp_path):
    with pytest.raises(ValueError, match="must be one of .*, got 'jpg'"):
        save_maps(tmp_path, 'photo', torch.zeros(1, 2, 2), ['cat'], 'jpg')
    with pytest.raises(ValueError, match='argument 2 is longer'):
        save_maps(tmp_path, 'photo', torch.zeros(2, 2, 2), ['cat'])
