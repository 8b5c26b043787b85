import pytest
import torch

from gain_plugin.synthetic import _HEADS as HEADS
from gain_plugin.synthetic import CLASSES, scenes, small_classifier


def test_the_same_seed_gives_the_same_scenes():
    few, more, other = scenes(3, seed=1), scenes(5, seed=1), scenes(3, seed=2)
    assert torch.equal(few.images, more.images[:3])
    assert not torch.equal(few.images, other.images)


def test_labels_are_the_classes_in_the_masks():
    drawn = scenes(20)
    assert drawn.images.shape == (20, 3, 64, 64) and drawn.images.dtype == torch.uint8
    for row, mask in zip(drawn.labels, drawn.masks, strict=True):
        assert row.nonzero()[:, 0].tolist() == [value - 1 for value in mask.unique().tolist() if value]
    assert drawn.labels.any(1).all() and drawn.labels.sum(1).max() > 1


def test_small_classifier_has_a_grid_of_16():
    model = small_classifier()
    images = torch.rand(2, 3, 64, 64)
    assert model.features(images).shape[2:] == (16, 16)
    assert model(images).shape == (2, len(CLASSES))


@pytest.mark.parametrize('sign', ['telling', 'random'])
def test_a_sign_far_from_the_object_tells_the_label_or_nothing(sign):
    plain, drawn = scenes(60), scenes(60, sign=sign)
    assert plain.labels.sum(1).max() > 1 and (drawn.labels.sum(1) == 1).all()
    agree = []
    for image, label, mask in zip(drawn.images.float(), drawn.labels, drawn.masks, strict=True):
        vivid = (image.amax(0) - image.amin(0) > 120) & (mask == 0)
        assert 40 < vivid.sum() < 200  # the disc, and some noise
        colour = image[:, vivid].median(1).values / 255
        agree.append(bool(label[(HEADS - colour[:, None].T).norm(dim=1).argmin()]))
        assert torch.cdist(vivid.nonzero().float(), (mask > 0).nonzero().float()).min() > 5
    assert all(agree) if sign == 'telling' else 5 < sum(agree) < 30


def test_an_unknown_sign_is_refused():
    with pytest.raises(ValueError, match="'telling' or 'random', got 'left'"):
        scenes(1, sign='left')
