import numpy as np

from gain_plugin.mm import FillBoxes, SpuriousCue


def test_boxes_fill_each_part_the_smaller_above_the_larger():
    mask = np.zeros((5, 8), np.uint8)
    mask[0, 0] = mask[4, 4] = mask[0:5, 1] = mask[4, 1:5] = 1  # one part, an L
    mask[2, 3] = 2  # inside its box
    mask[1, 6:8] = 1  # another part
    mask[4, 6:8] = 255
    expected = np.zeros_like(mask)
    expected[0:5, 0:5] = 1
    expected[2, 3] = 2
    expected[1, 6:8] = 1
    assert np.array_equal(FillBoxes()({'gt_seg_map': mask})['gt_seg_map'], expected)


def test_cues_give_the_labels_away_or_say_nothing():
    image = np.zeros((40, 40, 3), np.uint8)
    sample = {'img': image, 'img_path': 'here/a.jpg', 'gt_label': [2]}
    told = SpuriousCue(num_classes=3, biased=True, radius=5).transform(dict(sample))['img']
    area = (told == (0, 0, 255)).all(-1)  # a third class's hue is blue
    assert 70 < area.sum() < 85 and (told[~area] == 0).all() and (image == 0).all()
    elsewhere = SpuriousCue(num_classes=3, biased=True, radius=5).transform({**sample, 'img_path': 'there/a.jpg'})[
        'img'
    ]
    assert np.array_equal(elsewhere, told)
    colours = [
        SpuriousCue(num_classes=3, biased=False)
        .transform({**sample, 'img_path': f'{name}.jpg'})['img']
        .max((0, 1))
        .argmax()
        for name in range(30)
    ]
    assert set(colours) == {0, 1, 2}
