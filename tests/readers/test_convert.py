import json

import numpy as np
import pytest
from PIL import Image

from gain_plugin.readers.config import epochs_for
from gain_plugin.readers.convert import main


def test_one_folder_becomes_two_lists(tmp_path, photo, capsys):
    for name in (f'photos/{cls}/a {number}.png' for cls in ('cat', 'hot dog') for number in range(5)):
        photo(name)
    out = tmp_path / 'own'
    main(['folders', str(tmp_path / 'photos'), '--out', str(out)])
    assert len((out / 'train.txt').read_text().splitlines()) == 8
    assert len((out / 'val.txt').read_text().splitlines()) == 2
    printed = capsys.readouterr().out
    assert 'train.txt: 8 photos, 0 untagged, 0 masks' in printed
    assert printed.endswith(f'{out}/config.py\n{out}/segmenter.py\n')


def test_a_second_list_keeps_the_classes_of_the_first(tmp_path, photo):
    for name in ('in/train/cat/1.png', 'in/train/dog/2.png', 'in/val/dog/3.png'):
        photo(name)
    for split in ('train', 'val'):
        main(['folders', str(tmp_path / 'in'), '--out', str(tmp_path / 'own'), '--split', split])
    assert (tmp_path / 'own/classes.txt').read_text() == 'cat\ndog\n'
    assert (tmp_path / 'own/val.txt').read_text() == 'val/dog/3.png\n'
    val = ['folders', str(tmp_path / 'in'), '--out', str(tmp_path / 'own'), '--split', 'val']
    (tmp_path / 'order.txt').write_text('dog\ncat\n')
    with pytest.raises(
        ValueError, match=r"classes.txt has the classes \['cat', 'dog'\], here they are \['dog', 'cat'\]"
    ):
        main([*val, '--classes', str(tmp_path / 'order.txt')])


@pytest.mark.parametrize(('options', 'values'), [([], {0, 1}), (['--boxes'], {1})])
def test_masks_of_outlines_and_of_boxes(tmp_path, photo, write, options, values):
    pytest.importorskip('pycocotools')
    photo('1.jpg')
    triangle = {'id': 1, 'image_id': 1, 'category_id': 1, 'segmentation': [[0, 0, 8, 0, 0, 6]]}
    content = {'images': [{'id': 1, 'file_name': '1.jpg'}], 'categories': [{'id': 1, 'name': 'cat'}]}
    source = write('instances.json', {**content, 'annotations': [triangle]})
    main(['coco', str(source), '--out', str(tmp_path / 'own'), '--split', 'train', *options])
    assert set(np.unique(Image.open(tmp_path / 'own/masks/1.png')).tolist()) == values
    # a segmenter is not evaluated by boxes
    assert ('val_evaluator = None' in (tmp_path / 'own/segmenter.py').read_text()) == bool(options)


def test_every_other_format_is_reached(tmp_path, photo, write):
    photo('in/images/1.jpg')
    write('in/labels/1.txt', '0 0.5 0.5 1 1')
    write('in/classes.txt', 'cat\ndog\n')
    shapes = {'imagePath': '1.jpg', 'shapes': [{'label': 'cat', 'shape_type': 'rectangle', 'points': [[0, 0], [2, 2]]}]}
    write('in/images/1.json', json.dumps(shapes))
    write('in/images/1.xml', '<annotation/>')
    np.save(tmp_path / 'in/labels.npy', {'1': [1, 0]})
    classes = ['--classes', str(tmp_path / 'in/classes.txt')]
    for source in (
        ['yolo', str(tmp_path / 'in')],
        ['labelme', str(tmp_path / 'in/images'), *classes],
        ['voc', str(tmp_path / 'in/images'), *classes],
        ['npy', str(tmp_path / 'in/labels.npy'), '--photos', str(tmp_path / 'in/images'), *classes],
    ):
        main([*source, '--out', str(tmp_path / source[0]), '--split', 'all', '--no-masks'])
        assert (tmp_path / source[0] / 'all.txt').read_text().strip().endswith('1.jpg')
        assert (tmp_path / source[0] / 'classes.txt').read_text() == 'cat\ndog\n'


def test_a_data_set_of_hugging_face(tmp_path):
    datasets = pytest.importorskip('datasets')
    features = datasets.Features({'image': datasets.Image(), 'label': datasets.ClassLabel(names=['cat', 'dog'])})
    rows = {'image': [Image.new('RGB', (8, 6))] * 2, 'label': [0, 1]}
    datasets.Dataset.from_dict(rows, features).save_to_disk(str(tmp_path / 'saved'))
    main(['huggingface', str(tmp_path / 'saved'), '--out', str(tmp_path / 'own'), '--split', 'train'])
    assert (tmp_path / 'own/train.txt').read_text() == '0.png\n1.png\n'
    assert (tmp_path / 'own/photos/1.png').is_file()


@pytest.mark.parametrize(('masks', 'said'), [(5, False), (1, True)])
def test_a_config_for_masks_of_which_val_has_none(tmp_path, photo, write, masks, said):
    for number in range(5):
        photo(f'photos/{number}.jpg')
    for number in range(masks):
        Image.fromarray(np.full((6, 8), 1, np.uint8)).save(photo(f'masks/{number}.png'))
    write('tags.csv', 'id,labels\n' + ''.join(f'{number},cat\n' for number in range(5)))
    source = ['table', str(tmp_path / 'tags.csv'), '--photos', str(tmp_path / 'photos')]
    main([*source, '--masks', str(tmp_path / 'masks'), '--out', str(tmp_path / 'own'), '--config', 'masks'])
    assert ('val has no masks' in (tmp_path / 'own/config.py').read_text()) == said


def test_the_config_is_never_overwritten(tmp_path, photo):
    for number in range(5):
        photo(f'photos/cat/{number}.jpg')
    command = ['folders', str(tmp_path / 'photos'), '--out', str(tmp_path / 'own')]
    main(command)
    config = tmp_path / 'own/config.py'
    assert 'train_cfg = dict(max_epochs=750, val_interval=750)  # 4 photos an epoch' in config.read_text()
    config.write_text('mine')
    main(command)
    assert config.read_text() == 'mine'


def test_what_is_written_would_be_read_again(tmp_path, photo):
    photo('photos/cat/1.jpg')
    with pytest.raises(ValueError, match=r'--out .*own is in .*photos, where all photos are read'):
        main(['folders', str(tmp_path / 'photos'), '--out', str(tmp_path / 'photos/own')])


def test_a_folder_beside_the_source_by_a_relative_path(tmp_path, photo, monkeypatch):
    for number in range(5):
        photo(f'photos/cat/{number}.jpg')
    monkeypatch.chdir(tmp_path / 'photos')
    main(['folders', '.', '--out', '../own'])
    assert (tmp_path / 'own/config.py').is_file()


def table_of(write, labels):
    return ['table', str(write('tags.csv', 'id,labels\n' + ''.join(f'{n},"{one}"\n' for n, one in enumerate(labels))))]


def test_the_photos_of_a_list_alone_in_its_order(tmp_path, photo, write):
    for number in range(4):
        photo(f'photos/{number}.jpg')
    source = [*table_of(write, ['cat'] * 4), '--photos', str(tmp_path / 'photos'), '--out', str(tmp_path / 'own')]
    listed = write('list.txt', '/JPEGImages/2.jpg /SegmentationClassAug/2.png\n0\n')
    main([*source, '--split', 'train', '--list', str(listed)])
    assert (tmp_path / 'own/train.txt').read_text() == '2.jpg\n0.jpg\n'
    write('list.txt', '5\n')
    with pytest.raises(ValueError, match="list.txt: '5' is no photo of the source"):
        main([*source, '--split', 'train', '--list', str(listed)])


@pytest.mark.parametrize(
    ('labels', 'kind', 'message'),
    [
        ('cat,dog', 'classes', r"0.jpg has the labels \['cat', 'dog'\], --config classes needs one a photo"),
        ('', 'classes', r'has the labels \[\], --config classes needs one a photo'),
        ('cat', 'masks', 'no photo of train has a mask for --config masks'),
        ('bird', 'tags', r"'bird' is none of the classes.*; .*own/classes.txt has the classes"),
    ],
)
def test_a_config_that_the_data_do_not_fit(tmp_path, photo, write, labels, kind, message):
    for number in range(2):
        photo(f'photos/{number}.jpg')
    write('own/classes.txt', 'cat\ndog\n')
    source = [*table_of(write, [labels, 'cat']), '--photos', str(tmp_path / 'photos'), '--out', str(tmp_path / 'own')]
    with pytest.raises(ValueError, match=message):
        main([*source, '--config', kind, '--split', 'train'])


def test_a_config_of_other_photos_is_not_taken_for_these(tmp_path, photo):
    for name in ('a/cat/1.jpg', 'b/cat/2.jpg'):
        photo(name)
    command = ['folders', str(tmp_path / 'a'), '--out', str(tmp_path / 'own'), '--split', 'train']
    main(command)
    with pytest.raises(ValueError, match=r'config.py was there and is kept, but its img_path is not .*b'):
        main(['folders', str(tmp_path / 'b'), *command[2:]])
    assert (tmp_path / 'own/train.txt').read_text() == 'cat/1.jpg\n'


def test_a_list_of_masks_does_not_outlive_them(tmp_path, photo, write):
    photo('photos/0.jpg')
    write('own/train_masks.txt', '0.jpg\n')
    main(
        [
            *table_of(write, ['cat']),
            '--photos',
            str(tmp_path / 'photos'),
            '--out',
            str(tmp_path / 'own'),
            '--split',
            'train',
        ]
    )
    assert not (tmp_path / 'own/train_masks.txt').exists()


def test_epochs_by_the_number_of_photos():
    assert [epochs_for(count) for count in (4, 30, 300, 3000, 6000, 30_000, 1_000_000)] == [750, 100, 10, 10, 5, 3, 3]
