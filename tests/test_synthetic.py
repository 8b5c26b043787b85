import torch

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
