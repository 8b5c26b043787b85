import numpy as np
import pytest
import torch
from PIL import Image

from gain_plugin.pseudo_labels import LabelRule, pamr
from gain_plugin.pseudo_labels.worker import LabelTask, Outcome, label_image, run_tasks, write_labels

TRUTH = np.array([[1, 2, 0, 255]])
RULE = LabelRule()


def task(folder, name='a', rule=RULE, truth=TRUTH):
    (folder / 'counts').mkdir(parents=True, exist_ok=True)
    maps = np.array([[[0.9, 0.2, 0.0, 0.3]], [[0.1, 0.4, 0.05, 0.25]]], np.float32)
    return LabelTask(name, 'none.jpg', maps, np.array([0, 2]), truth, 3, folder, rule)


def test_file_and_counts(tmp_path):
    assert write_labels(task(tmp_path)) == Outcome('a')
    with Image.open(tmp_path / 'a.png') as image:
        assert image.mode == 'P' and np.asarray(image).tolist() == [[1, 3, 0, 255]]
    with np.load(tmp_path / 'counts' / 'a.npz') as counts:
        expected = np.zeros((4, 5), int)
        expected[1, 1] = expected[2, 3] = expected[0, 0] = 1  # the last pixel's truth is unknown
        assert np.array_equal(counts['labels'], expected)
        assert counts['seeds'][50].tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]


def test_without_a_mask_there_are_no_counts(tmp_path):
    assert write_labels(task(tmp_path, truth=None)) == Outcome('a')
    assert list((tmp_path / 'counts').iterdir()) == []


def test_saliency_replaces_the_threshold(tmp_path):
    (tmp_path / 'in').mkdir()
    Image.fromarray(np.array([[0, 255, 255, 0]], np.uint8)).save(tmp_path / 'in' / 'a.png')
    assert write_labels(task(tmp_path / 'out', rule=LabelRule(saliency=str(tmp_path / 'in')))) == Outcome('a')
    with Image.open(tmp_path / 'out' / 'a.png') as image:
        assert np.asarray(image).tolist() == [[1, 3, 255, 0]]


def test_what_is_wrong_with_an_image_is_told_and_leaves_no_file(tmp_path):
    outcome = write_labels(task(tmp_path / 'out', rule=LabelRule(saliency=str(tmp_path))))
    assert 'cannot read' in outcome.problem and 'a.png' in outcome.problem
    assert not (tmp_path / 'out' / 'a.png').exists()
    outcome = write_labels(task(tmp_path / 'out', rule=LabelRule(refine='crf')))
    assert 'cannot read none.jpg' in outcome.problem


def test_pamr_refines_the_maps_before_the_thresholds(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / 'photo.png')
    maps = np.random.default_rng(1).random((1, 6, 8)).astype(np.float32)
    refined = pamr(torch.from_numpy(maps)[None], torch.from_numpy(pixels).permute(2, 0, 1)[None].float())[0, 0]
    expected = np.where(refined / refined.max() > 0.8, 2, 0)
    assert 0 < (expected == 2).mean() < 1
    rule = LabelRule(0.8, 0.8, refine='pamr')
    image = label_image(LabelTask('a', str(tmp_path / 'photo.png'), maps, np.array([1]), None, 3, tmp_path, rule))
    assert np.array_equal(image, expected)


def darker(maps, image):
    return maps * (1 - image[0] / 255)


def test_a_refinement_of_ones_own(tmp_path):
    Image.fromarray(np.array([[0, 0, 255, 204]], np.uint8)).save(tmp_path / 'photo.png')
    rule = LabelRule(0.15, 0.15, refine=darker)
    rule.check()
    labels = label_image(task(tmp_path, rule=rule)._replace(img_path=str(tmp_path / 'photo.png')))
    assert labels.tolist() == [[1, 3, 0, 0]]  # over its maximum, 0.4, the second map of the last pixel is 0.125
    for wrong, got in ((smaller, r'\(1, 4\)'), (broken, 'a ndarray'), (unknown, r'\(2, 1, 4\)')):
        with pytest.raises(ValueError, match=rf'must give finite maps \(2, 1, 4\) as a tensor, got {got}'):
            label_image(task(tmp_path, rule=LabelRule(refine=wrong))._replace(img_path=str(tmp_path / 'photo.png')))


def smaller(maps, image):
    return maps[0]


def broken(maps, image):
    return maps.numpy()


def unknown(maps, image):
    return maps * float('nan')


@pytest.mark.parametrize(('numbers', 'dtype'), [([2, 2, 0, 1], np.uint8), ([512, 512, 0, 256], np.uint16)])
def test_each_region_takes_the_class_that_most_of_its_map_says(tmp_path, numbers, dtype):
    (tmp_path / 'sub').mkdir()
    Image.fromarray(np.array([numbers], dtype)).save(tmp_path / 'sub/a.png')
    labels = label_image(task(tmp_path, name='sub/a', rule=LabelRule(0.5, 0.2, regions=str(tmp_path))))
    assert labels.tolist() == [[1, 1, 0, 255]]  # 0.55 against 0.25, twice; 0 against 0.05; 0.3 against 0.25


def test_regions_come_behind_the_refinement(tmp_path):
    Image.fromarray(np.array([[0, 0, 255, 204]], np.uint8)).save(tmp_path / 'photo.png')
    Image.fromarray(np.array([[1, 1, 1, 2]], np.uint8)).save(tmp_path / 'a.png')
    rule = LabelRule(0.4, 0.15, refine=darker, regions=str(tmp_path))
    labels = label_image(task(tmp_path, rule=rule)._replace(img_path=str(tmp_path / 'photo.png')))
    assert labels.tolist() == [[3, 3, 3, 0]]  # 1.22 / 3 against 1.25 / 3; 0.07 against 0.125


@pytest.mark.parametrize(
    ('pixels', 'message'),
    [
        (np.ones((4, 1), np.uint8), r'a.png is \(4, 1\), but its image \(1, 4\)'),
        (np.ones((1, 4, 3), np.uint8), 'a.png: regions cannot have the mode RGB: save their numbers as grey'),
    ],
)
def test_regions_that_do_not_fit(tmp_path, pixels, message):
    Image.fromarray(pixels).save(tmp_path / 'a.png')
    with pytest.raises(ValueError, match=message):
        label_image(task(tmp_path, rule=LabelRule(regions=str(tmp_path))))


def test_otsu_takes_a_threshold_for_each_image(tmp_path):
    rule = LabelRule(otsu=True)
    for scale in (1.0, 0.4):
        maps = scale * np.array([[[1.0, 0.9, 0.2, 0.1]]], np.float32)
        labels = label_image(LabelTask('a', 'none.jpg', maps, np.array([0]), None, 3, tmp_path, rule))
        assert labels.tolist() == [[1, 1, 0, 0]]


def test_unknown_refinements_are_refused():
    with pytest.raises(ValueError, match="refine must be None, 'pamr', 'crf' or a function, got 'CRF'"):
        LabelRule(refine='CRF').check()


def test_what_is_wrong_with_the_disk_is_raised(tmp_path):
    (tmp_path / 'gone').write_text('a file in the place of the folder')
    broken = task(tmp_path / 'out', truth=None)
    with pytest.raises(OSError, match='gone'):
        write_labels(broken._replace(out_dir=tmp_path / 'gone'))


def test_an_image_without_a_tag_is_background(tmp_path):
    untagged = task(tmp_path, name='sub/a')._replace(maps=np.zeros((0, 1, 4), np.float32), classes=np.zeros(0, int))
    assert write_labels(untagged) == Outcome('sub/a')
    with Image.open(tmp_path / 'sub/a.png') as image:
        assert np.asarray(image).tolist() == [[0, 0, 0, 0]]
    with np.load(tmp_path / 'counts/sub/a.npz') as counts:
        assert counts['labels'][:, 0].tolist() == counts['seeds'][0, :, 0].tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize('workers', [0, 2])
def test_no_more_tasks_are_drawn_than_needed(tmp_path, workers):
    """One process or two write the same bytes, and never run ahead of the disk by more than a few images."""
    drawn, done = [], []

    def tasks():
        for index in range(8):
            assert len(drawn) - len(done) <= 2 * workers
            drawn.append(index)
            yield Outcome('bad', 'broken') if index == 3 else task(tmp_path, f'{index}')

    for outcome in run_tasks(tasks(), workers):
        done.append(outcome)
    assert sorted(done) == [*(Outcome(str(index)) for index in range(8) if index != 3), Outcome('bad', 'broken')]
    assert len({path.read_bytes() for path in tmp_path.glob('*.png')}) == 1
    assert len({path.read_bytes() for path in (tmp_path / 'counts').iterdir()}) == 1


@pytest.mark.parametrize('rule', [LabelRule(0.1, 0.2), LabelRule(1.1), LabelRule(saliency_threshold=-1)])
def test_thresholds_that_contradict(rule):
    with pytest.raises(ValueError, match='threshold'):
        rule.check()
