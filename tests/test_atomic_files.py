import pytest

from gain_plugin.files import write_atomically


def test_a_file_has_its_name_only_when_it_is_complete(tmp_path):
    def full_disk(file):
        file.write(b'half')
        assert not (tmp_path / 'a.png').exists()
        raise OSError('no space left')

    with pytest.raises(OSError, match='no space left'):
        write_atomically(tmp_path / 'a.png', full_disk)
    assert list(tmp_path.iterdir()) == []
    write_atomically(tmp_path / 'a.png', lambda file: file.write(b'whole'))
    assert (tmp_path / 'a.png').read_bytes() == b'whole'


def test_two_that_write_the_same_file_do_not_disturb_each_other(tmp_path):
    def slow(file):
        file.write(b'whole')
        write_atomically(tmp_path / 'a.png', lambda other: other.write(b'of the other'))
        assert (tmp_path / 'a.png').read_bytes() == b'of the other'

    write_atomically(tmp_path / 'a.png', slow)
    assert [path.name for path in tmp_path.iterdir()] == ['a.png']
    assert (tmp_path / 'a.png').read_bytes() == b'whole'
