import pytest

from gain_plugin.readers import read_table


@pytest.fixture
def folder(tmp_path, photo):
    for name in ('a b.png', 'sub/2.jpg'):
        photo(name)
    return tmp_path


@pytest.mark.parametrize(
    'text',
    [
        'id,labels\na b,cat dog\nsub/2,\n',
        '\ufeffid,labels\na b.png,"cat, dog"\nsub/2.jpg,\n',
        'Id, Labels\na b, cat, dog\nsub/2\n',
        'filename;tags\na b.png;cat|dog\nsub/2.jpg;\n\n;\n',
        'image\tclass\na b\tcat\na b\tdog\nsub/2\t\n',
        'filename,cat,dog\na b.png,1,1\nsub/2.jpg,0,0\n',
        'dog,cat,path\nTrue,1.0,a b.png\nFalse,0,sub\\2.jpg\n',
    ],
)
def test_forms_of_spreadsheets(folder, write, text):
    found = read_table(write('tags.csv', text), folder, ['cat', 'dog'])
    assert found.classes == ('cat', 'dog')
    assert [(one.name, one.labels) for one in found.photos] == [('a b.png', (0, 1)), ('sub/2.jpg', ())]


@pytest.mark.parametrize(
    ('text', 'classes', 'expected'),
    [
        ('id,labels\na b,hot dog\n', None, ('dog', 'hot')),  # blanks separate
        ('id,labels\na b,hot dog\n', ['cat', 'hot dog'], ('hot dog',)),  # unless the whole is a class
        ('id,label\na b,hot dog\n', None, ('hot dog',)),  # one name a row
        ('id,label\na b,hot dog;cat\n', None, ('cat', 'hot dog')),
        ('id,z,hot dog\na b,1,1\n', None, ('z', 'hot dog')),
    ],
)
def test_names_of_classes_with_blanks(folder, write, text, classes, expected):
    found = read_table(write('tags.csv', text), folder, classes)
    assert tuple(found.classes[label] for label in found.photos[0].labels) == expected


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'needs the columns id and labels'),
        ('id,labels\n', 'tags.csv has no row of a photo'),
        ('a b cat\na b dog', 'needs the columns'),
        ('x,labels\na b,cat\n', r"needs the columns id and labels, .*\['x', 'labels'\]"),
        ('id,labels\na b,cat\nsub/2,Cat\n', "tags.csv, line 3: 'Cat' is none of the classes; did you mean 'cat'"),
        ('id,cat,dog\na b,1,-1\n', r"tags.csv, line 2: \['-1'\] must be 0 or 1"),
        ('id,cat,dog\na b,1,1,1\n', 'tags.csv, line 2: 4 cells, the first row has 3'),
        ('id,labels\n../1,cat\n', "the photo '../1' must be below the root"),
        ('id,labels\n,cat\n', 'line 2: no id'),
    ],
)
def test_a_line_that_is_wrong_is_named(folder, write, text, message):
    with pytest.raises(ValueError, match=message):
        read_table(write('tags.csv', text), folder, ['cat', 'dog'])


def test_files_that_are_not_there_or_not_utf8(folder, write):
    with pytest.raises(FileNotFoundError, match='none.csv is not there'):
        read_table(folder / 'none.csv', folder)
    with pytest.raises(FileNotFoundError, match=r'3, which .*tags.csv lists, is not there'):
        read_table(write('tags.csv', 'id,labels\n3,cat\n'), folder)
    (folder / 'tags.csv').write_bytes('id,labels\na b,café\n'.encode('latin1'))
    with pytest.raises(ValueError, match='tags.csv is not UTF-8'):
        read_table(folder / 'tags.csv', folder)


def test_masks_of_some(folder, write, photo):
    mask = photo('masks/sub/2.png')
    table = write('tags.csv', 'id,labels\na b,cat\nsub/2,cat\n')
    assert [one.mask for one in read_table(table, folder, masks=folder / 'masks').photos] == [None, mask]
    mask.rename(folder / 'masks/other.png')
    with pytest.raises(FileNotFoundError, match='has no mask with the name of a photo, as a b.png'):
        read_table(table, folder, masks=folder / 'masks')
