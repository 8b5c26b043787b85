"""Data with something wrong in it: each kind is refused with the file, and what is wrong with it."""

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gain_plugin.images import read_image
from gain_plugin.lists import read_list
from gain_plugin.mask_files import MaskNumbers
from gain_plugin.masks import VOC_CLASSES, voc_palette
from gain_plugin.photos import without_extension
from gain_plugin.tagged_photos import TaggedPhotos
from gain_plugin.tags import class_names, read_tags

CLASSES = ('cat', 'dog', 'hot dog')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'list.txt is empty'),
        (b'\n \n', 'list.txt is empty'),
        (b'\xef\xbb\xbf', 'list.txt is empty'),
        (b'a\nb\n\na\n', "line 4: 'a' is in line 1"),
        (b'a\r\na\r\n', "line 2: 'a' is in line 1"),
        (b'caf\xe9', r'list.txt is not UTF-8 \(byte 3\)'),
        (b'\xff\xfea\0', 'list.txt is not UTF-8'),
        (b'a\0b', 'bytes that are no text'),
    ],
)
def test_lists(tmp_path, content, message):
    (tmp_path / 'list.txt').write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_list(tmp_path / 'list.txt')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('', 'needs the columns'),
        ('a,cat\nb,dog', 'needs the columns'),
        ('id', 'needs the columns'),
        ('id,width\na,3', 'needs the columns'),
        ('labels\ncat', 'needs the columns'),
        ('id,labels\na,Cat', "line 2: 'Cat' is none of the classes; did you mean 'cat'"),
        ('id,labels\na,cta', "did you mean 'cat'"),
        ('id,labels\na,cat\nb,dgo', "line 3: 'dgo'"),
        ('id,id,labels\na,b,cat', r"has the columns \['id'\] more than once"),
        ('id,labels\na,"b"c', 'is it a CSV'),
        ('id,labels\na,3', "'3' is none of the classes, which are"),
        ('id,labels\na,"cat;bird"', "'bird' is none"),
        ('id,labels\na,cat|bird', "'bird' is none"),
        ('id,labels\na,"cat,bird"', "'bird' is none"),
        ('id,labels\na,hot', "'hot' is none"),
        ("id,labels\na,['cat']", 'is none'),
        ('id,labels\n,cat', 'line 2: no id'),
        ('id,labels\na,\na,cat', "line 3: 'a' has another row"),
        ('id,labels\na,cat\na,', "line 3: 'a' has another row"),
        ('id,labels\na,"cat', 'line 2: unexpected end'),
        ('id,cat,dog\na,1,0', r"no column for the classes \['hot dog'\]"),
        ('id,cat,dog,hot dog,brid\na,1,0,0,1', "column 5: 'brid'"),
        ('id,cat,dog,hot dog\na,1,0', 'line 2: 3 cells, the first row has 4'),
        ('id,cat,dog,hot dog\na,1,0,0,1', 'line 2: 5 cells'),
        ('id,cat,dog,hot dog\na,1,0,-1', 'must be 0 or 1'),
        ('id,cat,dog,hot dog\na,1,0,', 'must be 0 or 1'),
        ('id,cat,dog,hot dog\na,0.5,0,0', 'must be 0 or 1'),
        ('id,cat,dog,hot dog\na,1,0,0\na,1,0,0', "line 3: 'a' has another row"),
    ],
)
def test_tables(tmp_path, content, message):
    (tmp_path / 'tags.csv').write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_tags(tmp_path / 'tags.csv', CLASSES)
    assert 'tags.csv' in str(caught.value)


@pytest.mark.parametrize(
    'cell', ["['cat', 'dog']", '"[""cat""]"', 'cat & dog', '+', 'nan', 'None', 'NULL', 'n/a', "{'cat'}"]
)
def test_cells_that_name_no_class(tmp_path, cell):
    (tmp_path / 'tags.csv').write_text(f'id,labels\na,{cell}\n')
    with pytest.raises(ValueError, match='tags.csv: .* seems to be no class'):
        class_names(tmp_path / 'tags.csv')


@pytest.mark.parametrize(
    'content',
    [
        'id,labels\na,cat hot dog\nb,\n',
        '\ufeffid,labels\na,cat hot dog\nb\n',
        'ID;Labels\na;cat|hot dog\nb;\n',
        'filename\tcat\tdog\thot dog\na.jpg\t1\t0\ttrue\nb.jpg\t0\t0\t0\n',
        'id,label\na,hot dog\na,cat\nb,\n',
        'image,label1,label2\na.png,cat,hot dog\nb.png,,\n',
        ',Image Name,Class_Name\n0,a,hot dog\n1,a,cat\n2,b,\n',
        'split,img_path,label\ntrain,a.jpg,"cat,hot dog"\ntrain,b.jpg,\n',
        'id,labels\r\n a , "cat,hot dog" \r\n,\r\nb,\r\n'.replace(' "', '"').replace('" ', '"'),
    ],
)
def test_forms_of_tables(tmp_path, content):
    (tmp_path / 'tags.csv').write_text(content, 'utf-8')
    tags = read_tags(tmp_path / 'tags.csv', CLASSES)
    assert (tags.find('a'), tags.find('b'), tags.find('c')) == ((0, 2), (), None)


def pixels(*values, dtype=np.uint8):
    return np.array([values], dtype)


@pytest.mark.parametrize(
    ('picture', 'names', 'message'),
    [
        (pixels(0, 4, 255), CLASSES, r'values \[4\], beyond 255 and its 3 classes'),
        (pixels(0, 300, dtype=np.uint16), CLASSES, 'of 16 bit'),
        (pixels(0, 0.5, dtype=np.float32), CLASSES, 'floats'),
        (pixels(0, np.nan, dtype=np.float32), CLASSES, 'floats'),
        (pixels(False, True, dtype=bool), CLASSES, '1 bit cannot tell 3 classes'),
        (np.array([[[128, 0, 0], [0, 0, 0]]], np.uint8), CLASSES, r'RGB with 2 colours.* palette of VOC are \[0, 1\]'),
        (np.array([[[1, 2, 3]]], np.uint8), {name: (i, 0, 9) for i, name in enumerate(CLASSES)}, r'\(1, 2, 3\)'),
        (np.array([[[1, 7]]], np.uint8), CLASSES, 'transparent'),
        (np.zeros((1, 1, 4), np.uint8), CLASSES, 'transparent'),
        (np.arange(64, dtype=np.uint8)[None], CLASSES, 'grey levels'),
        (np.full((1, 1, 4), 9, np.uint8), {name: (i, 0, 9) for i, name in enumerate(CLASSES)}, 'half transparent'),
        (pixels(0, 1), {'cat': 2, 'dog': 3, 'hot dog': 255}, r'values \[1\]'),
    ],
)
def test_masks(tmp_path, picture, names, message):
    Image.fromarray(picture).save(tmp_path / 'a.tif')
    with pytest.raises(ValueError, match=message) as caught:
        MaskNumbers(CLASSES, names).read(tmp_path / 'a.tif')
    assert 'a.tif' in str(caught.value)


@pytest.mark.parametrize('shown', [8, 12])
def test_a_palette_that_was_written_anew(tmp_path, shown):
    picture = Image.fromarray(pixels(0, 1))
    colours = voc_palette()
    picture.putpalette([*colours[:3], *colours[3 * shown : 3 * shown + 3]])
    picture.save(tmp_path / 'a.png')
    with pytest.raises(ValueError, match=f'a.png: its value 1 has the colour that VOC gives to {shown}'):
        MaskNumbers(('cat', 'dog'), VOC_CLASSES).read(tmp_path / 'a.png')
    assert MaskNumbers(('cat', 'dog'), ('cat', 'dog')).read(tmp_path / 'a.png').tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        (('cat', 'dog'), r"classes \['hot dog'\] are not among"),
        (('background', *CLASSES), 'leave the background out'),
        ({'cat': 1, 'dog': 1, 'hot dog': 2}, r"\['cat', 'dog'\] one value"),
        ({'cat': 1, 'dog': (1, 2, 3), 'hot dog': 2}, 'all numbers or all colours'),
        ({'cat': -1, 'dog': 1, 'hot dog': 2}, "'cat' needs a number"),
        ({'cat': 1.0, 'dog': 2.0, 'hot dog': 3.0}, "'cat' needs a number"),
        ('cat', 'must be a list of names'),
        ({'cat': (1, 2), 'dog': (1, 2, 3), 'hot dog': (1, 2, 4)}, "'cat' needs a number"),
        ({'cat': (1, 2, 256), 'dog': (1, 2, 3), 'hot dog': (1, 2, 4)}, "'cat' needs a number"),
    ],
)
def test_numberings(names, message):
    with pytest.raises(ValueError, match=message):
        MaskNumbers(CLASSES, names)


@pytest.mark.parametrize(
    ('picture', 'message'),
    [
        (pixels(0, 4095, dtype=np.uint16), 'not those of 16 bit'),
        (pixels(0, 70000, dtype=np.int32), 'not those of 16 bit'),
        (pixels(-1.0, 1, dtype=np.float32), 'neither in 0..1'),
        (pixels(0, 256, dtype=np.float32), 'neither in 0..1'),
        (pixels(0, np.nan, dtype=np.float32), 'neither in 0..1'),
        (b'', 'cannot read'),
        (b'no image', 'cannot read'),
    ],
)
def test_images(tmp_path, picture, message):
    path = tmp_path / 'a.tif'
    path.write_bytes(picture) if isinstance(picture, bytes) else Image.fromarray(picture).save(path)
    with pytest.raises(ValueError, match=message) as caught:
        read_image(path)
    assert 'a.tif' in str(caught.value)


def test_a_truncated_image_a_bomb_and_a_turned_one(tmp_path, monkeypatch):
    path = tmp_path / 'a.jpg'
    turned = Image.Exif()
    turned[0x112] = 6
    Image.new('RGB', (40, 20), 'red').save(path, exif=turned)
    assert read_image(path).shape == (40, 20, 3)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(ValueError, match='cannot read .*a.jpg'):
        read_image(path)
    path.write_bytes(whole)
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)
    with pytest.raises(ValueError, match='a.jpg is too large'):
        read_image(path)


@pytest.mark.parametrize('name', ['/etc/a', '../a', 'b/../../a', '..\\a'])
def test_paths_outside_of_the_folder(tmp_path, name):
    (tmp_path / 'JPEGImages').mkdir()
    (tmp_path / 'list.txt').write_text(name)
    (tmp_path / 'tags.csv').write_text('id,labels\n')
    photos = TaggedPhotos(tmp_path, 'list.txt', ('cat',), 'tags.csv', 'none')
    with pytest.raises(ValueError, match=f'{re.escape(repr(name))} is not below'):
        photos.entry(name)


@pytest.mark.parametrize(
    ('file', 'listed', 'meant'),
    [
        ('A.JPG', 'a', 'A.JPG'),
        ('a.webp', 'a.png', 'a.webp'),
        ('u\u0308.png', '\u00fc', 'u\u0308.png'),
        ('a.heic', 'a', 'a.heic'),
        ('a.jpg', 'a  -1', 'a'),
        ('a.jpg', 'a.jpg,a.png', 'a.jpg'),
    ],
)
def test_a_name_that_is_almost_there(tmp_path, file, listed, meant):
    (tmp_path / 'JPEGImages').mkdir()
    (tmp_path / 'JPEGImages' / file).touch()
    (tmp_path / 'list.txt').write_text(listed, 'utf-8')
    (tmp_path / 'tags.csv').write_text('id,labels\n')
    photos = TaggedPhotos(tmp_path, 'list.txt', ('cat',), 'tags.csv', 'none')
    with pytest.raises(FileNotFoundError, match=f'not there in any format of Pillow; (did you mean|.* keep) {meant!r}'):
        photos.entry(listed)


@pytest.mark.parametrize('classes', [(), 'cat', (0, 1), ('cat', ''), ('cat ', 'dog')])
def test_classes(tmp_path, classes):
    with pytest.raises(ValueError, match='classes must be (a list of names|names without blanks)'):
        TaggedPhotos(tmp_path, 'list.txt', classes)


IDS = (
    st.text(st.sampled_from('aZ9 ._-/é日\'"#'), min_size=1, max_size=8)
    .map(str.strip)
    .filter(lambda name: name and not name.startswith('./') and without_extension(name) == name)
)


@settings(max_examples=80, deadline=None)
@given(
    labels=st.dictionaries(IDS, st.sets(st.sampled_from(range(3))), min_size=1, max_size=5),
    separator=st.sampled_from(',;\t|'),
    mark=st.sampled_from(',;|'),
    start=st.sampled_from(['', '\ufeff', '\n']),
    end=st.sampled_from(['\n', '\r\n']),
    form=st.sampled_from(['cell', 'rows', 'columns']),
)
def test_every_form_of_a_table_says_the_same(tmp_path_factory, labels, separator, mark, start, end, form):
    rows = [['id', *CLASSES]] if form == 'columns' else [['id', 'labels']]
    for name, own in labels.items():
        named = [CLASSES[label] for label in sorted(own)]
        if form == 'columns':
            rows.append([name, *(str(int(label in own)) for label in range(3))])
        elif form == 'cell' or not own:
            rows.append([name, mark.join(named)])
        else:
            rows += [[name, one] for one in named]
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator=end).writerows(rows)
    path = tmp_path_factory.mktemp('table') / 'tags.csv'
    path.write_bytes((start + text.getvalue()).encode())
    assert read_tags(path, CLASSES).labels == {name: tuple(sorted(own)) for name, own in labels.items()}


@settings(max_examples=60, deadline=None)
@given(
    codes=st.lists(st.integers(0, 300), min_size=3, max_size=6, unique=True),
    pixels=st.lists(st.integers(0, 300), min_size=1, max_size=20),
)
def test_numbers_of_masks_pixel_by_pixel(tmp_path_factory, codes, pixels):
    names = dict(zip((*CLASSES, 'unknown', 'background', 'bird'), codes, strict=False))
    path = tmp_path_factory.mktemp('mask') / 'a.png'
    Image.fromarray(np.array([pixels], np.uint16)).save(path)
    meant = {
        code: CLASSES.index(name) + 1 if name in CLASSES else 255 * (name == 'unknown') for name, code in names.items()
    }
    meant.setdefault(0, 0)
    if 'unknown' not in names:
        meant.setdefault(255, 255)
    numbers = MaskNumbers(CLASSES, names)
    if set(pixels) <= set(meant):
        assert numbers.read(path).tolist() == [[meant[pixel] for pixel in pixels]]
    else:
        with pytest.raises(ValueError, match='a.png: it has the values'):
            numbers.read(path)


@settings(max_examples=150, deadline=None)
@given(content=st.binary(max_size=200), name=st.sampled_from(['list.txt', 'tags.csv', 'a.png', 'a.tif', 'a.bmp']))
def test_whatever_the_bytes_the_error_names_the_file(tmp_path_factory, content, name):
    path: Path = tmp_path_factory.mktemp('bytes') / name
    path.write_bytes(content)
    readers = {'list.txt': read_list, 'tags.csv': lambda file: read_tags(file, CLASSES)}
    for read in [readers[name]] if name in readers else [read_image, MaskNumbers(CLASSES, CLASSES).read]:
        try:
            read(path)
        except ValueError as error:
            assert name in str(error)
