import json

import numpy as np
import pytest
from PIL import Image

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
    assert printed.endswith(f'{out}/config.py\n')


def test_a_second_list_keeps_the_classes_of_the_first(tmp_path, photo):
    for name in ('train/cat/1.png', 'train/dog/2.png', 'val/dog/3.png'):
        photo(name)
    for split in ('train', 'val'):
        main(['folders', str(tmp_path / split), '--out', str(tmp_path / 'own'), '--split', split])
    assert (tmp_path / 'own/classes.txt').read_text() == 'cat\ndog\n'
    assert (tmp_path / 'own/val.txt').read_text() == 'dog/3.png\n'
    val = ['folders', str(tmp_path / 'val'), '--out', str(tmp_path / 'own'), '--split', 'val']
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
