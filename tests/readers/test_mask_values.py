import numpy as np
import pytest
from PIL import Image

from gain_plugin.readers.mask_values import read_mask, read_mask_values

COLOURS = 'class,red,green,blue\nbackground,0,0,0\ncat,255,0,0\n hot dog,0,128,0\nunknown,255,255,255\n'


@pytest.fixture
def mask(tmp_path):
    def save(pixels, mode=None):
        picture = Image.fromarray(np.asarray(pixels))
        (picture.convert(mode) if mode else picture).save(tmp_path / 'mask.png')
        return tmp_path / 'mask.png'

    return save


def test_colours(write, mask):
    values = read_mask_values(write('values.csv', COLOURS), ['hot dog', 'cat'])
    assert values == {(0, 0, 0): 0, (255, 0, 0): 2, (0, 128, 0): 1, (255, 255, 255): 255}
    pixels = np.array([[(0, 0, 0), (255, 0, 0), (0, 128, 0), (255, 255, 255)]], np.uint8)
    for mode in ('RGB', 'RGBA'):
        assert read_mask(mask(pixels, mode), 2, values).tolist() == [[0, 2, 1, 255]]
    Image.fromarray(pixels).quantize().save(path := mask(pixels))  # the same colours, by a palette
    assert read_mask(path, 2, values).tolist() == [[0, 2, 1, 255]]
    pixels[0, 0] = 1, 2, 3
    with pytest.raises(ValueError, match=r'mask.png has 1 values without a meaning, as \[\(1, 2, 3\)\]'):
        read_mask(mask(pixels), 2, values)


def test_binary_masks_and_numberings_of_their_own(write, mask):
    values = read_mask_values(write('values.csv', 'class,value\nbackground,0\ncat,255\n'), ['cat'])
    assert read_mask(mask(np.array([[0, 255]], np.uint8)), 1, values).tolist() == [[0, 1]]
    assert read_mask(mask(np.array([[False, True]])), 1, values).tolist() == [[0, 1]]
    values = read_mask_values(write('values.csv', 'class,value\ncat,0\ndog,7\nunknown,9\n'), ['cat', 'dog'])
    assert read_mask(mask(np.array([[0, 7, 9]], np.uint8)), 2, values).tolist() == [[1, 2, 255]]
    with pytest.raises(ValueError, match=r'mask.png has 2 values without a meaning, as \[3, 4\]'):
        read_mask(mask(np.array([[0, 3, 4]], np.uint8)), 2, values)


def test_our_own_numbers(mask):
    assert read_mask(mask(np.array([[0, 2, 255]], np.uint8)), 2).tolist() == [[0, 2, 255]]
    with pytest.raises(ValueError, match=r'mask.png has the values \[3, 9\], beyond 2 classes'):
        read_mask(mask(np.array([[0, 3, 9]], np.uint8)), 2)
    for pixels in (np.array([[0, 255]], np.uint8), np.array([[False, True]])):
        with pytest.raises(ValueError, match='mask.png has 0 and 255 alone, and 255 means unknown'):
            read_mask(mask(pixels), 2)
    with pytest.raises(ValueError, match='mask.png has the mode RGB, not 8 bit'):
        read_mask(mask(np.zeros((2, 2, 3), np.uint8)), 2)
    with pytest.raises(ValueError, match='mask.png has the mode I;16'):
        read_mask(mask(np.zeros((2, 2), np.uint16)), 2)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'needs the header class,value or'),
        ('class;value\n', 'needs the header class,value or'),
        ('class,value\ncat,256\n', 'line 2: .* numbers in 0..255'),
        ('class,value\ncat\n', 'line 2: .* numbers in 0..255'),
        ('class,value\ncat,1\ncta,2\n', "line 3: 'cta' is none of the classes .*did you mean 'cat'"),
    ],
)
def test_files_that_say_something_else(tmp_path, write, text, message):
    with pytest.raises(ValueError, match=f'values.csv.*{message}'):
        read_mask_values(write('values.csv', text), ['cat'])
    with pytest.raises(FileNotFoundError, match='none.csv is not there'):
        read_mask_values(tmp_path / 'none.csv', ['cat'])
