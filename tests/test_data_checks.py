import json

import numpy as np
import pytest
from click.testing import CliRunner
from mmengine.config import Config
from PIL import Image

from gain_plugin.commands.check import check as verb

OPTIONS = '--classes cat dog --images photos --json --workers 1'.split()


def draw(path, seed, size=(20, 24), **options):
    pixels = np.random.default_rng(seed).integers(256, size=(*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)


@pytest.fixture
def root(tmp_path):
    """Photos a, b to train on and c, d to test on, a cat and a dog each; masks of all."""
    for folder in ('photos', 'masks'):
        (tmp_path / folder).mkdir()
    for seed, name in enumerate('abcd'):
        draw(tmp_path / f'photos/{name}.png', seed)
        Image.fromarray(np.full((20, 24), 1 + seed % 2, np.uint8)).save(tmp_path / f'masks/{name}.png')
    for split, (cat, dog) in (('train', 'ab'), ('val', 'cd')):
        (tmp_path / f'{split}.txt').write_text(f'{cat}\n{dog}\n')
        (tmp_path / f'{split}.csv').write_text(f'id,labels\n{cat},cat\n{dog},dog\n')
    return tmp_path


@pytest.fixture
def check(root):
    def run(*more):
        lists = ['--split', 'train.txt', 'val.txt', '--tags', 'train.csv', 'val.csv']
        result = CliRunner().invoke(verb, [str(root), *lists, *OPTIONS, *more])
        report = json.loads(result.stdout)
        assert result.exit_code == bool(report['problems'])
        return report['problems'], report['notes']

    return run


def test_nothing_is_wrong(check, root):
    problems, notes = check('--masks', 'masks', '--mask-classes', 'cat', 'dog')
    assert problems == []
    assert notes == [f'{root}/{split}.txt: 0 of 2 photos have no label' for split in ('train', 'val')]


def test_files_that_cannot_be_used(check, root):
    (root / 'photos/a.png').write_bytes(b'')
    Image.fromarray(np.ones((9, 24), np.uint8)).save(root / 'masks/b.png')
    draw(root / 'photos/c.png', 7, (8, 24))
    Image.fromarray(np.ones((8, 24), np.uint8)).save(root / 'masks/c.png')
    draw(root / 'photos/d.png', 8, (16, 170))
    Image.fromarray(np.ones((16, 170), np.uint8)).save(root / 'masks/d.png')
    problems, _ = check('--masks', 'masks', '--mask-classes', 'cat', 'dog')
    said = '\n'.join(problems)
    assert len(problems) == 5
    assert 'cannot read' in said and 'a.png' in said
    assert 'b.png is (9, 24), its image (20, 24): they must agree' in said
    assert 'c.png is 8 x 24 pixels: a side is below 16' in said
    assert 'd.png is 16 x 170 pixels, more than 10 to 1' in said
    assert 'd.png shows none of the classes that its photo is tagged with' in said


def test_one_photo_in_two_lists(check, root):
    Image.open(root / 'photos/a.png').save(root / 'photos/c.bmp')  # the same pixels in another format
    (root / 'photos/c.png').unlink()
    problems, _ = check()
    assert problems == [f'{root}/photos/c.bmp of val.txt is {root}/photos/a.png of train.txt: keep it in one of them']


@pytest.mark.parametrize(('label', 'found'), [('dog', 'problems'), ('cat', 'notes')])
def test_one_photo_twice_in_a_list(check, root, label, found):
    draw(root / 'photos/e.png', 0)
    (root / 'train.txt').write_text('a\nb\ne\n')
    (root / 'train.csv').write_text(f'id,labels\na,cat\nb,dog\ne,{label}\n')
    problems, notes = check()
    said = {'problems': problems, 'notes': notes}[found]
    assert any(f'e.png is the same photo as {root}/photos/a.png' in line for line in said)
    assert bool(problems) == (found == 'problems')


def test_modes_and_turned_photos_are_notes(check, root):
    turned = Image.Exif()
    turned[0x112] = 6
    draw(root / 'photos/a.jpg', 0, exif=turned)
    (root / 'photos/a.png').unlink()
    Image.open(root / 'photos/b.png').convert('L').save(root / 'photos/b.png')
    problems, notes = check()
    assert problems == []
    assert f"{root}/train.txt: modes of photos, all read as RGB: {{'RGB': 1, 'L': 1}}" in notes
    assert any('1 photos are turned by their EXIF entry' in note and 'a.jpg' in note for note in notes)


def test_a_class_that_is_never_shown(check, root):
    (root / 'val.csv').write_text('id,labels\nc,cat\nd,\n')
    problems, notes = check()
    assert problems == [] and "val.txt: no photo shows the classes ['dog']" in notes
    (root / 'train.csv').write_text('id,labels\na,cat\nb,\n')
    assert check()[0] == ["train.txt: no photo shows the classes ['dog']"]


def test_a_list_that_cannot_be_read(check, root):
    (root / 'val.txt').write_text('')
    assert check()[0] == [f'the list of images {root}/val.txt is empty']


def test_what_a_config_trains_on_within_wrappers(root):
    common = {'type': 'VOCTagsDataset', 'data_root': str(root), 'classes': ('cat', 'dog'), 'masks': 'none'}
    common['data_prefix'] = {'img_path': 'photos'}
    train = {**common, 'ann_file': 'train.txt', 'tags_file': 'train.csv'}
    repeated = {'type': 'RepeatDataset', 'times': 2, 'dataset': train}
    joined = {'type': 'BalancedConcat', 'datasets': [train, repeated]}
    val = {**common, 'ann_file': 'val.txt', 'tags_file': 'val.csv'}
    loaders = {'train_dataloader': {'dataset': joined}, 'val_dataloader': {'dataset': val}}
    Config({**loaders, 'test_dataloader': {'dataset': val}}).dump(str(root / 'config.py'))
    result = CliRunner().invoke(verb, ['--config', str(root / 'config.py'), '--workers', '1'])
    assert result.exit_code == 0
    assert result.stdout.endswith('nothing is wrong\n') and result.stdout.count('photos have no label') == 2
    Config({'train_dataloader': {'dataset': {'type': 'ADE20KDataset'}}}).dump(str(root / 'config.py'))
    result = CliRunner().invoke(verb, ['--config', str(root / 'config.py')])
    assert result.exit_code == 1
    assert 'train_dataloader has a ADE20KDataset' in result.stdout


def test_a_command_that_says_too_little(root):
    for command in ([str(root)], [str(root), '--split', 'a', 'b', 'c', '--tags', 'a', 'b']):
        assert CliRunner().invoke(verb, command).exit_code == 2
