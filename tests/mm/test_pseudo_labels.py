import json
import runpy
import shutil
from datetime import timedelta

import numpy as np
import pytest
import torch
import torch.multiprocessing as mp
from mmengine.config import Config
from PIL import Image
from test_distributed import join
from torch import distributed

from gain_plugin.mm import LabelRule, make_pseudo_labels
from gain_plugin.synthetic import small_classifier

CLASSES = ('cat', 'dog')
TAGS = {'a': 'cat', 'b': 'cat dog', 'c': '', 'broken': 'dog', 'd': 'dog'}


@pytest.fixture
def voc(tmp_path):
    """Noise; c has no tags, broken no pixels, d no mask."""
    random = np.random.default_rng(0)
    for folder in ('JPEGImages', 'SegmentationClassAug'):
        (tmp_path / folder).mkdir()
    for name in TAGS:
        image = random.integers(0, 256, (4, 5, 3), dtype=np.uint8)
        Image.fromarray(image).resize((40, 32)).save(tmp_path / 'JPEGImages' / f'{name}.jpg')
        mask = Image.fromarray(random.integers(0, 3, (4, 5), dtype=np.uint8)).resize((40, 32), Image.Resampling.NEAREST)
        mask.putpalette([0] * 768)
        mask.save(tmp_path / 'SegmentationClassAug' / f'{name}.png')
    (tmp_path / 'JPEGImages' / 'broken.jpg').write_bytes(b'no image')
    (tmp_path / 'list.txt').write_text('\n'.join(TAGS))
    (tmp_path / 'masked.txt').write_text('a\nb\nc\nbroken')
    (tmp_path / 'tags.csv').write_text('id,labels\n' + ''.join(f'{name},{tags}\n' for name, tags in TAGS.items()))
    return tmp_path


@pytest.fixture
def cfg(voc):
    cfg = Config.fromfile('configs/synthetic/plain.py')
    cfg.model.network.num_classes = 2
    cfg.default_hooks.attention.update(num_classes=2, scales=(1.0, 2.0), flip=True)
    cfg.test_dataloader.dataset = {
        'type': 'VOCTagsDataset',
        'data_root': str(voc),
        'ann_file': 'list.txt',
        'tags_file': 'tags.csv',
        'masks': 'masked.txt',
        'classes': CLASSES,
        'mask_classes': CLASSES,
        'pipeline': [{'type': 'PackSegInputs', 'meta_keys': cfg.meta_keys}],
        'test_mode': True,
    }
    return cfg


@pytest.fixture
def checkpoint(tmp_path):
    return save(tmp_path / 'model.pth')


def save(path):
    """Random weights, others each time."""
    state = small_classifier(2).state_dict()
    torch.save({'state_dict': {f'network.{name}': value for name, value in state.items()}, 'meta': {}}, path)
    return path


def files(folder):
    return {path.name: path.read_bytes() for path in folder.glob('*.png')}


def test_one_file_for_each_tagged_image(cfg, checkpoint, voc):
    report = make_pseudo_labels(cfg, checkpoint, voc / 'out', LabelRule(0.5, 0.2), workers=0)
    assert (report.made, report.found, report.untagged) == (3, 0, 1)
    assert list(report.failed) == ['broken'] and 'broken.jpg' in report.failed['broken']
    labels = {path.stem: np.asarray(Image.open(path)) for path in (voc / 'out').glob('*.png')}
    assert {name: set(np.unique(label)) for name, label in labels.items()} == {
        'a': {0, 1, 255},
        'b': {0, 1, 2, 255},
        'c': {0},
        'd': {0, 2, 255},
    }
    truth, label = (
        np.stack([np.asarray(Image.open(folder / f'{name}.png')) for name in 'abc'])
        for folder in (voc / 'SegmentationClassAug', voc / 'out')
    )
    filled = np.where(label == 255, 0, label)
    iou = [((truth == c) & (filled == c)).sum() / ((truth == c) | (filled == c)).sum() for c in range(3)]
    assert report.metrics['label_mIoU'] == pytest.approx(100 * np.mean(iou))
    assert report.metrics['label_IoU_dog'] == pytest.approx(100 * iou[2])
    assert report.metrics['label_decided'] == pytest.approx(100 * (label != 255).mean())
    assert 0 < report.metrics['seed_mIoU'] < 100


def test_a_second_run_makes_what_is_missing_and_the_same(cfg, checkpoint, voc):
    """After a kill and a bad copy: one without its file, one whose counts alone are there, one that was cut off."""
    (voc / 'JPEGImages' / 'broken.jpg').unlink()
    shutil.copy(voc / 'JPEGImages' / 'd.jpg', voc / 'JPEGImages' / 'broken.jpg')
    out = voc / 'out'
    whole = make_pseudo_labels(cfg, checkpoint, out, workers=0)
    before = files(out)
    (out / 'a.png').unlink()
    (out / 'counts' / 'a.npz').unlink()
    (out / 'b.png').unlink()
    (out / 'c.png').write_bytes((out / 'c.png').read_bytes()[:30])
    again = make_pseudo_labels(cfg, checkpoint, out, workers=0)
    assert [(run.made, run.untagged, run.found) for run in (whole, again)] == [(4, 1, 0), (2, 1, 2)]
    assert files(out) == before and not list(out.glob('.*'))
    assert again.metrics == whole.metrics


def test_other_settings_are_refused(cfg, checkpoint, voc):
    make_pseudo_labels(cfg, checkpoint, voc / 'out', workers=0)
    with pytest.raises(ValueError, match=r'made with other settings \(foreground 0.3 -> 0.4\)'):
        make_pseudo_labels(cfg, checkpoint, voc / 'out', LabelRule(foreground=0.4), workers=0)
    cfg.default_hooks.attention.flip = False
    with pytest.raises(ValueError, match=r'other settings \(attention.flip True -> False\)'):
        make_pseudo_labels(cfg, checkpoint, voc / 'out', workers=0)
    cfg.default_hooks.attention.flip = True
    save(checkpoint)
    with pytest.raises(ValueError, match=r'other settings \(checkpoint '):
        make_pseudo_labels(cfg, checkpoint, voc / 'out', workers=0)


def test_labels_of_unknown_settings_are_refused(cfg, checkpoint, voc):
    make_pseudo_labels(cfg, checkpoint, voc / 'out', workers=0)
    (voc / 'out' / 'settings.json').unlink()
    with pytest.raises(ValueError, match=r'a.png is there, but no settings.json that says how it was made'):
        make_pseudo_labels(cfg, checkpoint, voc / 'out', LabelRule(0.5), workers=0)


def test_files_lie_in_the_folders_of_their_ids(cfg, checkpoint, voc):
    for folder, suffix in (('JPEGImages', 'jpg'), ('SegmentationClassAug', 'png')):
        (voc / folder / 'sub').mkdir()
        shutil.copy(voc / folder / f'b.{suffix}', voc / folder / 'sub' / f'a.{suffix}')
    (voc / 'list.txt').write_text('a\nsub/a\n')
    (voc / 'tags.csv').write_text('id,labels\na,cat\nsub/a,dog\n')
    cfg.test_dataloader.dataset.masks = 'all'
    report = make_pseudo_labels(cfg, checkpoint, voc / 'out', workers=0)
    assert {1} < set(np.unique(np.asarray(Image.open(voc / 'out/a.png'))))
    assert {2} < set(np.unique(np.asarray(Image.open(voc / 'out/sub/a.png'))))
    assert report.made == 2 and report.metrics
    assert make_pseudo_labels(cfg, checkpoint, voc / 'out', workers=0).metrics == report.metrics


def test_photos_of_two_folders(cfg, checkpoint, voc):
    """Two data sets joined, of which one is in the other: each photo has one file."""
    whole = cfg.test_dataloader.dataset
    cfg.test_dataloader.dataset = {
        'type': 'ConcatDataset',
        'datasets': [{**whole, 'ann_file': 'masked.txt'}, {**whole, 'ann_file': 'few.txt'}],
    }
    (voc / 'few.txt').write_text('a\nd\n')
    report = make_pseudo_labels(cfg, checkpoint, voc / 'out', workers=0, calibrate_on='few.txt')
    assert {path.stem for path in (voc / 'out').glob('*.png')} == {'a', 'b', 'c', 'd'}
    assert (report.made, report.untagged, list(report.failed)) == (3, 1, ['broken'])


def test_wrong_inputs_stop_before_the_first_image(cfg, checkpoint, voc):
    def fails(match, error=ValueError, **settings):
        with pytest.raises(error, match=match):
            make_pseudo_labels(**{'config': cfg, 'checkpoint': checkpoint, 'out_dir': voc / 'out', **settings})
        assert not (voc / 'out' / 'settings.json').exists()

    fails('cannot write to .*list.txt', out_dir=voc / 'list.txt' / 'out')
    fails('checkpoint none.pth is not there', checkpoint='none.pth')
    fails('threshold', rule=LabelRule(0.1, 0.2))
    fails('calibrate_on chooses thresholds that otsu replaces', rule=LabelRule(otsu=True), calibrate_on='masked.txt')
    fails('decided=0.5 is for thresholds that calibrate_on chooses', decided=0.5)
    fails(r'5 saliency maps are missing in nowhere, as a.png', rule=LabelRule(saliency='nowhere'))
    fails(r'5 region maps are missing in nowhere, as a.png', rule=LabelRule(regions='nowhere'))
    (voc / 'colours').mkdir()
    for name in TAGS:
        Image.new('RGB', (40, 32)).save(voc / 'colours' / f'{name}.png')
    fails('a.png: regions cannot have the mode RGB', rule=LabelRule(regions=str(voc / 'colours')))
    state = torch.load(checkpoint)['state_dict']
    torch.save({'state_dict': state, 'meta': {'dataset_meta': {'classes': ('dog', 'cat')}}}, voc / 'other.pth')
    fails(r"trained for the classes \('dog', 'cat'\)", checkpoint=voc / 'other.pth')
    torch.save({'state_dict': dict(list(state.items())[1:])}, voc / 'misfit.pth')
    fails('does not fit the model of the config: (.|\n)*missing keys', checkpoint=voc / 'misfit.pth')
    cfg.test_dataloader.dataset.ann_file = 'none.txt'
    fails('none.txt is not there', FileNotFoundError)
    cfg.test_dataloader.dataset.ann_file = 'list.txt'
    Image.new('L', (40, 32), 7).save(voc / 'SegmentationClassAug' / 'b.png')
    fails(r'b.png: it has the values \[7\], beyond 255 and its 2 classes')


@pytest.mark.parametrize('refine', [None, 'pamr'])
def test_thresholds_are_chosen_on_a_few_masks(cfg, checkpoint, voc, refine):
    """As from all seed_mIoU of the listed photos, whichever list is labelled."""
    (voc / 'few.txt').write_text('a\nc\n')  # c has no tags
    cfg.test_dataloader.dataset.update(ann_file='masked.txt', masks='none', indices=2)
    rule = LabelRule(refine=refine)
    report = make_pseudo_labels(cfg, checkpoint, voc / 'out', rule, workers=0, calibrate_on='few.txt')
    assert (report.made, report.metrics) == (2, {})
    chosen = report.calibration
    settings = json.loads((voc / 'out' / 'settings.json').read_text())
    assert settings['foreground'] == settings['background'] == chosen.foreground
    cfg.test_dataloader.dataset.update(ann_file='few.txt', masks='all', indices=1)
    for threshold in (chosen.foreground, 0.1, 0.3, 0.5, 0.7):
        tried = rule._replace(foreground=threshold, background=threshold)
        out = voc / f'at {threshold}'
        tested = make_pseudo_labels(cfg, checkpoint, out, tried, workers=0).metrics['label_mIoU']
        assert tested <= 100 * chosen.miou + 1e-6
        if threshold == chosen.foreground:
            assert tested == pytest.approx(100 * chosen.miou)


def test_a_list_to_choose_on_needs_whole_photos_and_masks(cfg, checkpoint, voc):
    (voc / 'broken.txt').write_text('a\nbroken\n')
    with pytest.raises(ValueError, match=r'broken of broken.txt, to calibrate on: .*cannot read .*broken.jpg'):
        make_pseudo_labels(cfg, checkpoint, voc / 'out', workers=0, calibrate_on='broken.txt')
    (voc / 'untagged.txt').write_text('c\n')
    with pytest.raises(ValueError, match='no image has a mask to choose thresholds on'):
        make_pseudo_labels(cfg, checkpoint, voc / 'out', workers=0, calibrate_on='untagged.txt')
    assert not (voc / 'out' / 'settings.json').exists()


def test_the_tool_tells_what_it_chose(cfg, checkpoint, voc, capsys, monkeypatch):
    cfg.dump(voc / 'config.py')
    (voc / 'few.txt').write_text('a\nb\n')
    (voc / 'regions').mkdir()
    for name in 'ab':
        Image.fromarray(np.arange(32 * 40, dtype=np.uint16).reshape(32, 40) // 4).save(voc / f'regions/{name}.png')
    monkeypatch.setattr(
        'sys.argv',
        f'make_pseudo_labels.py {voc}/config.py {checkpoint} --out {voc}/out --workers 0 --refine pamr '
        f'--regions {voc}/regions --calibrate {voc}/few.txt --decided 0.6 '
        '--cfg-options test_dataloader.dataset.indices=2'.split(),
    )
    with pytest.raises(SystemExit, match='0'):
        runpy.run_path('tools/make_pseudo_labels.py', run_name='__main__')
    output = capsys.readouterr().out
    assert 'chosen thresholds: ' in output and 'within two points of that on a width of ' in output
    settings = json.loads((voc / 'out' / 'settings.json').read_text())
    assert f'{settings["foreground"]} and {settings["background"]}, which decide' in output
    assert settings['regions'] == f'{voc}/regions'
    label = np.asarray(Image.open(voc / 'out/b.png')).flatten()[4:]  # the first four pixels are in no region
    assert (label.reshape(-1, 4) == label[::4, None]).all()


def test_the_tool(cfg, checkpoint, voc, capsys, monkeypatch):
    """A broken image is told by name and by the exit status; the settings can be read."""
    cfg.dump(voc / 'config.py')
    monkeypatch.setattr(
        'sys.argv',
        f'make_pseudo_labels.py {voc}/config.py {checkpoint} --out {voc}/out --workers 0 --refine crf --foreground 0.4 '
        '--cfg-options test_dataloader.dataset.indices=4'.split(),
    )
    pytest.importorskip('pydensecrf')
    with pytest.raises(SystemExit, match='1'):
        runpy.run_path('tools/make_pseudo_labels.py', run_name='__main__')
    output = capsys.readouterr().out
    assert '2 labels made in' in output and 'label_mIoU' in output and 'FAILED broken: ' in output
    settings = json.loads((voc / 'out' / 'settings.json').read_text())
    assert (settings['foreground'], settings['refine'], settings['attention']['flip']) == (0.4, 'crf', True)


def label(rank: int, world: int, cfg: Config, checkpoint: str, out: str) -> None:
    join(rank, world)
    cfg.update(launcher='pytorch', env_cfg={'dist_cfg': {'backend': 'gloo'}})
    cfg.model_wrapper_cfg = {'type': 'MMDistributedDataParallel', 'device_ids': None}
    begin, given = distributed.init_process_group, []
    distributed.init_process_group = lambda **settings: (given.append(settings), begin(**settings))
    report = make_pseudo_labels(cfg, checkpoint, out, LabelRule(0.5, 0.2), workers=0)
    assert (report.made, report.found, report.untagged, list(report.failed)) == (2, 1, 1, ['broken'])
    assert bool(report.metrics) == (rank == 0)
    assert given == [{'backend': 'gloo', 'timeout': timedelta(days=7)}]  # one that is done waits for the other


def test_two_processes_label_as_one_does(tmp_path, cfg, checkpoint):
    make_pseudo_labels(cfg, checkpoint, tmp_path / 'one', LabelRule(0.5, 0.2), workers=0)
    shutil.copytree(tmp_path / 'one', tmp_path / 'two')
    for name in ('a', 'b', 'c'):  # a process that begins later finds what another has made; its share stays the same
        (tmp_path / f'two/{name}.png').unlink()
    mp.spawn(label, (2, cfg, str(checkpoint), str(tmp_path / 'two')), nprocs=2)
    assert files(tmp_path / 'one') == files(tmp_path / 'two')
