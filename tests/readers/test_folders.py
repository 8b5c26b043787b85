import pytest

from gain_plugin.readers import read_folders


def test_names_with_blanks_any_extension_and_what_is_no_photo(tmp_path, photo, write):
    for name in ('hot dog/a b.PNG', 'hot dog/1.tiff', 'cat/1.jpg', 'Zürich/猫.webp'):
        photo(name)
    write('cat/notes.txt', 'none')
    write('cat/Thumbs.db', '')
    (tmp_path / '.cache').mkdir()
    found = read_folders(tmp_path)
    assert found.classes == ('Zürich', 'cat', 'hot dog')
    assert [(one.name, one.labels) for one in found.photos] == [
        ('Zürich/猫.webp', (0,)),
        ('cat/1.jpg', (1,)),
        ('hot dog/1.tiff', (2,)),
        ('hot dog/a b.PNG', (2,)),
    ]
    assert all(one.regions is None and one.mask is None for one in found.photos)
    assert found.notes == ('1 files are no photos and were left out, as cat/notes.txt',)


def test_classes_in_a_given_order_and_one_without_photos(tmp_path, photo):
    photo('cat/1.jpg')
    found = read_folders(tmp_path, ['dog', 'cat'])
    assert found.classes == ('dog', 'cat')
    assert found.photos[0].labels == (1,)


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        ((), 'has no class folders'),
        (('cat/1.jpg', '2.jpg'), '2.jpg is in no class folder'),
        (('train/cat/1.jpg', 'val/cat/2.jpg'), 'train/cat/1.jpg is too deep .* is .*train the root'),
        (('cat/1.jpg', 'dog/'), 'class folder .*dog has no photo'),
        (('cta/1.jpg',), r"'cta' is none of the classes \['cat', 'dog'\] \(did you mean 'cat'\?\)"),
    ],
)
def test_other_layouts_are_refused(tmp_path, photo, names, message):
    for name in names:
        (tmp_path / name).mkdir(parents=True) if name.endswith('/') else photo(name)
    with pytest.raises(ValueError, match=message):
        read_folders(tmp_path, ['cat', 'dog'])


def test_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match='none is not a folder'):
        read_folders(tmp_path / 'none')


def test_photos_of_the_background_have_no_label(tmp_path, photo):
    photo('Background/1.jpg')
    photo('cat/1.jpg')
    found = read_folders(tmp_path)
    assert found.classes == ('cat',)
    assert [(one.name, one.labels) for one in found.photos] == [('Background/1.jpg', ()), ('cat/1.jpg', (0,))]
    photo(' dog/1.jpg')
    with pytest.raises(ValueError, match=r"names without blanks around them, got \[' dog', 'cat'\]"):
        read_folders(tmp_path)


def test_a_class_may_be_called_as_the_split_is(tmp_path, photo):
    for name in ('bus/1.jpg', 'train/2.jpg'):
        photo(name)
    assert read_folders(tmp_path, split='train').classes == ('bus', 'train')
