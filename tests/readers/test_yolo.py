import pytest

from gain_plugin.readers import read_yolo


@pytest.mark.parametrize(
    ('names', 'settings'),
    [
        (('images/train/1.jpg', 'labels/train/1.txt'), 'names: [cat, hot dog]'),
        (('train/images/1.jpg', 'train/labels/1.txt'), 'names: {0: cat, 1: hot dog}'),
        (('photos/1.jpg', 'photos/1.txt'), None),
    ],
)
def test_boxes_and_polygons_in_every_layout(tmp_path, photo, write, names, settings):
    photo(names[0], width=100, height=50)
    write(names[1], '1 0.5 0.5 0.2 0.4\n\n0 0 0 1 0 1 1\n')
    write('data.yaml', settings) if settings else write('classes.txt', 'cat\nhot dog\n')
    found = read_yolo(tmp_path)
    assert found.classes == ('cat', 'hot dog')
    (read,) = found.photos
    assert (read.name, read.labels) == (names[0], (0, 1))
    box, polygon = read.regions
    assert (box.label, box.outline) == (1, None)
    assert box.box == pytest.approx((40, 15, 60, 35))
    assert (polygon.label, polygon.outline, polygon.box) == (0, [[0, 0, 100, 0, 100, 50]], (0, 0, 100, 50))


def test_splits_of_the_yaml_and_photos_without_objects(tmp_path, photo, write):
    for name in ('train/images/1.jpg', 'train/images/2.jpg', 'valid/images/3.jpg'):
        photo(name)
    write('train/labels/1.txt', '0 0.5 0.5 1 1')
    write('valid/labels/3.txt', '')
    write('data.yaml', 'train: ../train/images\nval: valid/images\nnames: [cat]\npath: /of/another/machine')
    assert [one.name for one in read_yolo(tmp_path).photos] == [
        'train/images/1.jpg',
        'train/images/2.jpg',
        'valid/images/3.jpg',
    ]
    train = read_yolo(tmp_path, 'train')
    assert [(one.name, one.labels) for one in train.photos] == [
        ('train/images/1.jpg', (0,)),
        ('train/images/2.jpg', ()),
    ]
    assert train.photos[1].regions == ()
    assert len(train.notes) == 1 and '1 photos without a text file' in train.notes[0]
    (val,) = read_yolo(tmp_path, 'val').photos
    assert (val.name, val.labels, val.regions) == ('valid/images/3.jpg', (), ())


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('2 0.5 0.5 1 1', 'class 2 is beyond the 2 classes'),
        ('-1 0.5 0.5 1 1', 'class -1 is beyond'),
        ('cat 0.5 0.5 1 1', "invalid literal .*'cat'"),
        ('0 50 50 10 10', 'must be in 0..1'),
        ('0 nan 0.5 1 1', 'must be in 0..1'),
        ('0 0.5 0.5 1 1 0.9', '6 columns are neither a box'),
        ('0 0.5 0.5', '3 columns are neither a box'),
        ('0 1 0 1 1', None),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path, photo, write, line, message):
    photo('1.jpg')
    write('1.txt', f'0 0.5 0.5 1 1\n{line}\n')
    write('data.yaml', 'names: [cat, dog]')
    if message is None:
        assert len(read_yolo(tmp_path).photos[0].regions) == 2
        return
    with pytest.raises(ValueError, match=f'1.txt, line 2: .*{message}'):
        read_yolo(tmp_path)


@pytest.mark.parametrize('names', ['names: 3', 'names: [yes, no]', 'names: {1: cat}', 'names: []', '[cat]', 'nc: 1'])
def test_classes_that_are_not_named(tmp_path, photo, write, names):
    photo('1.jpg')
    write('data.yaml', names)
    with pytest.raises(ValueError, match='data.yaml: names must list the classes'):
        read_yolo(tmp_path)


def test_files_that_are_not_there(tmp_path, photo, write):
    with pytest.raises(FileNotFoundError, match=r'neither data.yaml nor classes.txt'):
        read_yolo(tmp_path)
    write('data.yaml', 'names: [cat]\ntrain: ../../other')
    with pytest.raises(ValueError, match='has no photo'):
        read_yolo(tmp_path)
    with pytest.raises(FileNotFoundError, match='train must be a folder in'):
        read_yolo(tmp_path, 'train')
    photo('images/1.jpg')
    with pytest.raises(ValueError, match=r'no photo in .* has a text file, as .*labels/1.txt'):
        read_yolo(tmp_path)
    write('data.yaml', 'names: [cat')
    with pytest.raises(ValueError, match='cannot read .*data.yaml'):
        read_yolo(tmp_path)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [('nc: 3\nnames: [cat]', 'nc is 3, but names has 1 classes'), ('names: {0: a, 2: b}', 'from number 0')],
)
def test_settings_that_contradict_themselves(tmp_path, photo, write, settings, message):
    photo('1.jpg')
    write('data.yaml', settings)
    with pytest.raises(ValueError, match=message):
        read_yolo(tmp_path)


def test_a_box_without_an_area_marks_one_pixel(tmp_path, photo, write):
    from gain_plugin.readers.draw import fill_box

    assert fill_box((2, 1, 2, 1), (3, 4)).nonzero() == (1, 2)


def test_corners_in_place_of_centre_and_size(tmp_path, photo, write):
    photo('1.jpg', width=100, height=50)
    write('data.yaml', 'names: [cat]')
    write('1.txt', '0 0.1 0.2 0.5 0.6\n0 0.6 0.7 0.9 0.9\n')
    with pytest.raises(ValueError, match='boxes seem to be left, top, right, bottom'):
        read_yolo(tmp_path)
    write('1.txt', '0 0.1 0.2 0.5 0.6\n0 0.6 0.7 0.2 0.2\n')  # one that reaches beyond, as careless tools leave it
    assert len(read_yolo(tmp_path).photos[0].regions) == 2


def test_what_is_left_out_or_mixed_is_noted(tmp_path, photo, write):
    for split in ('train', 'val'):
        photo(f'images/{split}/1.jpg')
        write(f'labels/{split}/1.txt', '')
    write('labels/val/2.txt', '0 0.5 0.5 1 1')
    write('data.yaml', 'names: [cat]\ntrain: images/train\nval: images/val')
    alone, mixed = read_yolo(tmp_path).notes
    assert alone.startswith('1 text files have no photo') and alone.endswith('labels/val/2.txt')
    assert mixed.startswith('data.yaml names train and val, whose photos were mixed')
    assert not read_yolo(tmp_path, 'train').notes
