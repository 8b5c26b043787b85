import base64
import io
import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from gain_plugin import seed_confusion
from gain_plugin.report.records import Records
from gain_plugin.report.thumbnails import map_uri, mask_uri, photo_uri
from gain_plugin.seeds import THRESHOLDS


def opened(uri):
    form, text = uri.removeprefix('data:image/').split(';base64,')
    picture = Image.open(io.BytesIO(base64.b64decode(text)))
    assert picture.format == form.upper()
    return picture


def test_small_pictures_keep_their_proportions():
    assert opened(photo_uri(np.zeros((300, 600, 3), np.uint8))).size == (160, 80)
    assert opened(photo_uri(np.zeros((30, 60, 3), np.uint8))).size == (60, 30)
    assert opened(map_uri(torch.zeros(300, 600))).size == (48, 24)
    assert opened(mask_uri(torch.zeros(2, 2000, dtype=torch.bool))).size == (160, 1)


def test_maps_run_from_dark_blue_to_yellow_and_masks_from_black():
    values = torch.zeros(4, 8)
    values[:, 4:] = 1
    low, high = (np.asarray(opened(map_uri(values)).convert('RGB'))[0, place].astype(int) for place in (0, 7))
    assert low.sum() < 200 and low[2] > low[1]
    assert high[0] > 200 and high[1] > 200 and high[2] < 100
    mask = np.asarray(opened(mask_uri(values > 0)).convert('RGB'))
    assert mask[0, 0].tolist() == [0, 0, 0] and mask[0, 7].tolist() == [255, 233, 69]


def one(records, name='a.jpg', peak=1.0, truth=True):
    """A photo whose left half is a cat; its map is ``peak`` there and 0.3 in the quarter beside it."""
    maps = torch.zeros(1, 4, 8)
    maps[:, :, :4], maps[:, :, 4:6] = peak, 0.3
    mask = torch.zeros(4, 8, dtype=torch.long)
    mask[:, :4] = 1
    records.add(
        name, np.zeros((4, 8, 3), np.uint8), torch.tensor([0]), maps, torch.tensor([0.9, 0.1]), mask if truth else None
    )
    return maps, mask


def test_a_pair_has_its_iou_at_the_threshold_that_is_best_for_all():
    """Seeds are right from 0.3 to 0.8, the smaller peak; below, the second map has 6 of 8 columns for 4."""
    records = Records(['cat', 'dog'])
    one(records)
    one(records, 'b.jpg', peak=0.8)
    content = records.content({'mAP': math.nan, 'PxAP': 12.5})
    assert content['metrics']['seed_threshold'] == pytest.approx(0.3)
    assert content['metrics']['seed_IoU_cat'] == 100
    assert content['metrics']['mAP'] is None and content['metrics']['PxAP'] == 12.5
    assert [pair['iou'] for photo in content['photos'] for pair in photo['pairs']] == [1, 1]
    low = content['curve']['mIoU'][10]  # cat 4 / 6, background 2 / 4, and the dog, which is nowhere, does not count
    assert low == pytest.approx(100 * (4 / 6 + 2 / 4) / 2)
    assert len(content['curve']['recall']) == len(THRESHOLDS)
    (pair,) = content['photos'][1]['pairs']
    assert (pair['class'], pair['score'], pair['coverage']) == ('cat', pytest.approx(0.9), 0.5)
    json.dumps(content, allow_nan=False)


def test_without_masks_there_are_maps_scores_and_coverage():
    records = Records(['cat', 'dog'])
    one(records, truth=False)
    content = records.content({'mAP': 50.0})
    assert content['curve'] is None
    (pair,) = content['photos'][0]['pairs']
    assert set(pair) == {'class', 'score', 'coverage', 'map'}


def test_the_first_photos_are_kept_and_the_figures_are_of_all():
    records = Records(['cat', 'dog'], count=1)
    one(records)
    one(records, 'b.jpg', peak=0.2)
    assert [photo['name'] for photo in records.content({})['photos']] == ['a.jpg']
    single = Records(['cat', 'dog'])
    one(single)
    assert records.content({})['metrics']['seed_mIoU'] < single.content({})['metrics']['seed_mIoU']


def test_what_processes_keep_is_put_together():
    whole, first, second = Records(['cat']), Records(['cat']), Records(['cat'])
    for records, name, peak in ((first, 'a.jpg', 1.0), (second, 'b.jpg', 0.4)):
        one(records, name, peak)
        one(whole, name, peak)
    first.merge(second)
    assert first.content({}) == whole.content({})


def test_confusion_of_one_photo_gives_the_iou_of_the_plain_definition():
    records = Records(['cat', 'dog'])
    maps, mask = one(records, peak=0.2)
    best = round(100 * records.content({})['metrics']['seed_threshold'])
    confusion = seed_confusion(maps, torch.tensor([0]), mask, THRESHOLDS, 2)[best]
    seeds = maps[0] > THRESHOLDS[best]
    expected = (seeds & (mask == 1)).sum() / (seeds | (mask == 1)).sum()
    assert records.content({})['photos'][0]['pairs'][0]['iou'] == pytest.approx(expected.item())
    assert confusion.sum() == 32
