import warnings
from types import SimpleNamespace

import pytest
import torch

from gain_plugin import GAIN
from gain_plugin.watch import STEPS, Watch, ranks

LAYERS = {'target_layer': 'features', 'score_layer': ''}


def test_ranks_by_hand():
    labels = torch.tensor([[1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 1, 1]]).bool()
    scores = torch.tensor([[2.0, 1.0, 3.0], [5.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    assert ranks(scores, labels).tolist() == [0.5, 0.5]
    assert ranks(scores[2:], labels[2:]).tolist() == []


def warned(model, images, labels, steps=STEPS, masks=None):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        for _ in range(steps):
            model(images, labels, masks)
    return [str(warning.message) for warning in caught]


def test_a_copy_of_a_classifier_that_ranks_by_chance_is_told_once(tiny, images):
    classifier = tiny(classes=2)
    best = classifier(images).argmax(1)
    right, wrong = torch.eye(2)[best].long(), torch.eye(2)[1 - best].long()
    assert not warned(GAIN(classifier, scorer='frozen', **LAYERS), images, right)
    model = GAIN(classifier, scorer='frozen', **LAYERS)
    (text,) = warned(model, images, wrong)
    assert 'above others in 0% of cases, where half is chance: train it first' in text
    assert not warned(model, images, wrong)
    assert not warned(GAIN(classifier, scorer='detached', **LAYERS), images, wrong)


def test_a_classifier_that_is_frozen_as_a_whole_is_told_once(tiny, images, labels):
    model = GAIN(tiny().requires_grad_(False), scorer='detached', **LAYERS)
    assert ['thaw some' in text for text in warned(model, images, labels)] == [True]
    model = GAIN(tiny().requires_grad_(False), scorer='detached', **LAYERS)
    model.classifier.fc.requires_grad_(True)
    assert not warned(model, images, labels)


def test_images_that_are_not_normalised_are_told(tiny, images, labels):
    (text,) = warned(GAIN(tiny(), **LAYERS), (images * 50 + 127).clamp(0, 255), labels, 2)
    assert 'GAIN: images are in 0..255: normalise them' in text


def test_scores_like_probabilities_are_told(tiny, images, labels):
    class Sure(tiny):
        def forward(self, images):
            return 1 / (1 + torch.exp(-super().forward(images)))

    images, labels = images.repeat(3, 1, 1, 1), labels.repeat(3, 1)
    (text,) = warned(GAIN(Sure(), **LAYERS), images, labels, 2)
    assert 'all scores are in 0..1 as probabilities are' in text


@pytest.mark.parametrize(('coverage', 'text'), [(0.95, 'cover 95.0%'), (0.0005, 'cover 0.1%'), (0.4, None)])
def test_masks_of_everything_or_nothing_are_told(images, coverage, text):
    health = {'coverage': torch.tensor(coverage), 'dead_maps': torch.tensor(0.1)}
    step = SimpleNamespace(
        images=images, scores=torch.randn(4, 3), labels=torch.ones(4, 3).bool(), masks=None, health=health
    )
    watch = Watch('features', copied=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        for _ in range(STEPS):
            watch.look(step, torch.nn.Linear(1, 1))
    told = [str(warning.message) for warning in caught]
    assert told == [] if text is None else text in told[0] and 'mend sigma and omega' in told[0], told


def test_masks_that_never_show_their_class_are_told(tiny, images, labels):
    """As black and white ones, whose white is the value of unknown pixels."""
    masks = torch.zeros(4, 16, 18).long()
    masks[:, :8] = 255
    (text,) = warned(GAIN(tiny(), **LAYERS), images, labels, masks=masks)
    assert '96 masks have no pixel of their class, so that none counts: values must be class + 1' in text
    masks[3, 15, 17] = 2
    assert not warned(GAIN(tiny(), **LAYERS), images, labels, masks=masks)
    assert not warned(GAIN(tiny(), **LAYERS), images, labels, masks=torch.full((4, 16, 18), 255))


def test_dead_maps_are_told(tiny, images, labels):
    classifier = tiny()
    with torch.no_grad():
        classifier.hidden.weight.zero_()
    (text,) = warned(GAIN(classifier, **LAYERS), images, labels)
    assert "100% of the maps of layer 'features' are zero: name another target_layer" in text
