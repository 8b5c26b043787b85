import pytest

from gain_plugin.readers import read_labelme

BOX = {'label': 'hot dog', 'shape_type': 'rectangle', 'points': [[5, 4], [1, 2]]}
POLYGON = {'label': 'cat', 'points': [[0, 0], [4, 0], [4, 4]]}


def page(*shapes, name='1.jpg', **more):
    return {'shapes': list(shapes), 'imagePath': name, **more}


def test_shapes_flags_and_what_is_ignored(tmp_path, write):
    ignored = {**BOX, 'label': '__ignore__'}
    write('a/1.json', page(BOX, POLYGON, ignored, {**BOX, 'label': '_background_'}, imageHeight=6, imageWidth=8))
    write('a/2.json', page(name='..\\photos\\2.png', flags={'cat': True, 'dog': False}))
    write('a/3.json', page(name='3.jpg'))
    found = read_labelme(tmp_path)
    assert found.classes == ('cat', 'hot dog')
    assert [(one.name, one.labels) for one in found.photos] == [
        ('a/1.jpg', (0, 1)),
        ('photos/2.png', (0,)),
        ('a/3.jpg', ()),
    ]
    assert [one.size for one in found.photos] == [(6, 8), None, None]
    box, polygon, unknown = found.photos[0].regions
    assert (box.label, box.box, box.outline) == (1, (1, 2, 5, 4), None)
    assert (polygon.label, polygon.box, polygon.outline) == (0, (0, 0, 4, 4), [[0, 0, 4, 0, 4, 4]])
    assert unknown.label is None
    assert found.photos[1].regions is None  # a flag says nothing of where
    assert found.photos[2].regions == ()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'shapes': []}, '1.json has no shapes or no imagePath'),
        (page({'label': 'cat'}), '1.json: shape 0 needs a label and points'),
        (page(POLYGON, {**POLYGON, 'shape_type': 'point'}), '1.json, shape 1 is a point'),
        (page({**POLYGON, 'points': [[0, 0], [1, 1]]}), '1.json, shape 0: .*three points or more'),
        (page(POLYGON, name='../1.jpg'), "1.json: the photo '../1.jpg' must be in"),
        (page({**POLYGON, 'label': 'cta'}), "1.json: 'cta' is none of the classes .*did you mean 'cat'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, write, content, message):
    write('1.json', content)
    with pytest.raises(ValueError, match=message):
        read_labelme(tmp_path, ['cat', 'dog'])


def test_no_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='has no JSON file of LabelMe'):
        read_labelme(tmp_path)
