import numpy as np
import pytest
from PIL import Image

from gain_plugin.readers.mask_values import read_mask_values

COLOURS = 'class,red,green,blue\nbackground,0,0,0\ncat,255,0,0\n hot dog,0,128,0\nunknown,255,255,255\n'


@pytest.fixture
def mask(tmp_path):
    def save(pixels, mode=None):
        picture = Image.fromarray(np.asarray(pixels))
        (picture.convert(mode) if mode else picture).save(tmp_path / 'mask.png')
        return tmp_path / 'mask.png'

    return save


def test_colours(write, mask):
    numbers = read_mask_values(write('values.csv', COLOURS), ['hot dog', 'cat'])
    pixels = np.array([[(0, 0, 0), (255, 0, 0), (0, 128, 0), (255, 255, 255)]], np.uint8)
    for mode in ('RGB', 'RGBA'):
        assert numbers.read(mask(pixels, mode)).tolist() == [[0, 2, 1, 255]]
    Image.fromarray(pixels).quantize().save(path := mask(pixels))  # the same colours, by a palette
    assert numbers.read(path).tolist() == [[0, 2, 1, 255]]
    pixels[0, 0] = 1, 2, 3
    with pytest.raises(ValueError, match=r'mask.png: it has 1 colours .*, as \[\(1, 2, 3\)\]'):
        numbers.read(mask(pixels))


def test_binary_masks_and_numberings_of_their_own(write, mask):
    numbers = read_mask_values(write('values.csv', 'class,value\nbackground,0\ncat,255\n'), ['cat'])
    assert numbers.read(mask(np.array([[0, 255]], np.uint8))).tolist() == [[0, 1]]
    assert numbers.read(mask(np.array([[False, True]]))).tolist() == [[0, 1]]
    numbers = read_mask_values(write('values.csv', 'class,value\ncat,0\ndog,7\n\nunknown,9\n'), ['cat', 'dog'])
    assert numbers.read(mask(np.array([[0, 7, 9]], np.uint8))).tolist() == [[1, 2, 255]]
    with pytest.raises(ValueError, match=r'mask.png: it has the values \[3, 4\]'):
        numbers.read(mask(np.array([[0, 3, 4]], np.uint8)))


def test_several_values_of_one_class(write, mask):
    numbers = read_mask_values(write('values.csv', 'class,value\ncat,3\ncat,4\nbackground,5\n'), ['cat'])
    assert numbers.read(mask(np.array([[0, 3, 4, 5]], np.uint8))).tolist() == [[0, 1, 1, 0]]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'needs the header class,value or'),
        ('class;value\n', 'needs the header class,value or'),
        ('class,value\ncat,x\n', 'line 2: .* numbers in 0..255'),
        ('class,red,green,blue\ncat,0,0,256\n', "'cat' needs a number or three"),
        ('class,value\nbackground,0\n', r"classes \['cat'\] are not among"),
        ('class,value\ncat,1\nbackground,1\n', r"\['cat', 'background'\] one value"),
        ('class,value\ncat\n', 'line 2: .* numbers in 0..255'),
        ('class,value\ncat,1\ncta,2\n', "line 3: 'cta' is none of the classes .*did you mean 'cat'"),
    ],
)
def test_files_that_say_something_else(tmp_path, write, text, message):
    with pytest.raises(ValueError, match=f'values.csv.*{message}'):
        read_mask_values(write('values.csv', text), ['cat'])
    with pytest.raises(FileNotFoundError, match='none.csv is not there'):
        read_mask_values(tmp_path / 'none.csv', ['cat'])
