import pytest

from gain_plugin.label_files import voc_palette, write_whole


def test_a_file_has_its_name_only_when_it_is_complete(tmp_path):
    def full_disk(file):
        file.write(b'half')
        assert not (tmp_path / 'a.png').exists()
        raise OSError('no space left')

    with pytest.raises(OSError, match='no space left'):
        write_whole(tmp_path / 'a.png', full_disk)
    assert list(tmp_path.iterdir()) == []
    write_whole(tmp_path / 'a.png', lambda file: file.write(b'whole'))
    assert (tmp_path / 'a.png').read_bytes() == b'whole'


def test_palette_of_voc():
    """Background, aeroplane, cat, tvmonitor and the border, as in the development kit."""
    palette = voc_palette()
    colours = [palette[3 * value : 3 * value + 3] for value in (0, 1, 8, 20, 255)]
    assert colours == [[0, 0, 0], [128, 0, 0], [64, 0, 0], [0, 64, 128], [224, 224, 192]]
