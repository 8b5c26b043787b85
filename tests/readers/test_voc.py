import numpy as np
import pytest
from PIL import Image

from gain_plugin.mask_files import MaskNumbers
from gain_plugin.masks import VOC_CLASSES
from gain_plugin.readers import draw_mask, read_voc, read_voc_sbd

VOC = MaskNumbers(VOC_CLASSES, VOC_CLASSES)

OBJECT = (
    '<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox>'
    '<part><name>head</name></part></object>'
)


SIZE = '<size><width>8</width><height>6</height></size>'


def xml(*objects):
    return f'<annotation>{SIZE}{"".join(objects)}</annotation>'


@pytest.mark.parametrize('folders', [('Annotations/', 'JPEGImages/'), ('', '')])
def test_boxes_count_pixels_from_one(tmp_path, photo, write, folders):
    photo(f'{folders[1]}a b.png')
    photo(f'{folders[1]}c.jpg')
    write(f'{folders[0]}a b.xml', xml(OBJECT.format('hot dog', 1), OBJECT.format('cat', 3.0)))
    write(f'{folders[0]}c.xml', xml())
    found = read_voc(tmp_path)
    assert found.classes == ('cat', 'hot dog')
    assert [(one.name, one.labels) for one in found.photos] == [
        (f'{folders[1]}a b.png', (0, 1)),
        (f'{folders[1]}c.jpg', ()),
    ]
    assert found.photos[0].size == (6, 8)
    expected = np.zeros((6, 8), int)
    expected[1:4, :3] = 2
    expected[1:4, 2] = 1  # the smaller above the larger
    assert draw_mask(found.photos[0], (6, 8), VOC).tolist() == expected.tolist()
    assert not draw_mask(found.photos[1], (6, 8), VOC).any()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('<annotation>', 'cannot read .*1.xml'),
        ('<annotation><size><width>x</width></size></annotation>', 'cannot read .*1.xml'),
        (xml('<object/>'), '1.xml, object 1: no name'),
        (xml('<object><name>cat</name></object>'), 'object 1: bndbox must have xmin'),
        (xml(OBJECT.format('cat', 1), OBJECT.format('cat', 9)), 'object 2: the box .* ends before it begins'),
        (xml(OBJECT.format('Cat', 1)), "1.xml: 'Cat' is none of the classes .*did you mean 'cat'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, photo, write, content, message):
    photo('1.jpg')
    write('1.xml', content)
    with pytest.raises(ValueError, match=message):
        read_voc(tmp_path, ['cat', 'dog'])


def test_photos_that_are_not_there_or_more_than_one(tmp_path, photo, write):
    with pytest.raises(FileNotFoundError, match='has no XML file: give the folder'):
        read_voc(tmp_path)
    write('[1].xml', xml(OBJECT.format('cat', 1)))
    with pytest.raises(FileNotFoundError, match=r'\[1\], which .*1\].xml lists, is not there'):
        read_voc(tmp_path)
    photo('[1].jpg')
    photo('1.jpg')
    assert read_voc(tmp_path).photos[0].name == '[1].jpg'
    photo('[1].png')
    with pytest.raises(ValueError, match=r"may be any of \['\[1\].jpg', '\[1\].png'\]"):
        read_voc(tmp_path)


@pytest.fixture
def devkit(tmp_path, photo, write):
    """VOC's 1 and 2 to train on, 3 to test on; SBD has 2, 3 and 4."""
    io = pytest.importorskip('scipy.io')
    for name in '1234':
        photo(f'VOC/JPEGImages/{name}.jpg')
        write(f'VOC/Annotations/{name}.xml', xml(OBJECT.format('cat', 1)))
    write('VOC/ImageSets/Segmentation/train.txt', '1\n2\n')
    write('VOC/ImageSets/Segmentation/val.txt', '3\n')
    write('SBD/train.txt', '2\n3\n')
    write('SBD/val.txt', '4\n')
    (tmp_path / 'VOC/SegmentationClass').mkdir()
    (tmp_path / 'SBD/cls').mkdir()
    for name in '123':
        Image.fromarray(np.full((6, 8), 8, np.uint8)).save(tmp_path / f'VOC/SegmentationClass/{name}.png')
    for name in '234':
        mask = {'GTcls': {'Segmentation': np.full((6, 8), 12, np.uint8), 'CategoriesPresent': 12}}
        io.savemat(tmp_path / f'SBD/cls/{name}.mat', mask)
    return tmp_path / 'VOC', tmp_path / 'SBD'


def test_voc_with_sbd(devkit):
    train = read_voc_sbd(*devkit, 'train')
    assert len(train.classes) == 20
    assert [(one.name, one.labels) for one in train.photos] == [(f'JPEGImages/{name}.jpg', (7,)) for name in '124']
    assert [int(draw_mask(one, (6, 8), VOC).max()) for one in train.photos] == [8, 8, 12]  # VOC's own masks go first
    assert [one.name for one in read_voc_sbd(*devkit, 'val').photos] == ['JPEGImages/3.jpg']


def test_voc_with_sbd_that_lacks_something(devkit):
    with pytest.raises(ValueError, match="'train' or 'val', got 'test'"):
        read_voc_sbd(*devkit, 'test')
    (photo,) = (one for one in read_voc_sbd(*devkit, 'train').photos if one.name.endswith('4.jpg'))
    with pytest.raises(ValueError, match=r'4.mat is \(6, 8\), its photo \(6, 9\)'):
        draw_mask(photo, (6, 9), VOC)
    photo.mask.write_bytes(b'none')
    with pytest.raises(ValueError, match='cannot read .*4.mat as a mask of SBD'):
        draw_mask(photo, (6, 8), VOC)
    photo.mask.unlink()
    with pytest.raises(FileNotFoundError, match=r'4 has neither the mask .*4.png nor .*4.mat'):
        read_voc_sbd(*devkit, 'train')
