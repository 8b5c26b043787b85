import pytest
from PIL import Image

from gain_plugin.readers.files import photo_size


@pytest.mark.parametrize(('turned', 'size'), [(1, (6, 8)), (3, (6, 8)), (6, (8, 6)), (8, (8, 6))])
def test_size_of_a_photo_upright(tmp_path, turned, size):
    exif = Image.Exif()
    exif[0x0112] = turned
    Image.new('RGB', (8, 6)).save(tmp_path / 'a.jpg', exif=exif)
    assert photo_size(tmp_path / 'a.jpg') == size
