from pathlib import Path

import pytest
import torch

from gain_plugin.seeds import seed_confusion

THRESHOLDS = torch.arange(100) / 100


@pytest.fixture
def rate(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / 'tools/benchmark')
    from label_rules import rate

    return rate


def images(count):
    """Half an object each; all maps are right between 0.2 and 0.4 but those of images 1, 4, ...: from 0.6 to 0.8."""
    maps = [torch.tensor([0.6, 0.8] if index % 3 == 1 else [0.2, 0.4])[None, None] for index in range(count)]
    truth = torch.tensor([[0, 1]])
    return torch.stack([seed_confusion(own, torch.tensor([0]), truth, THRESHOLDS, 1) for own in maps])


def test_no_image_that_a_threshold_was_chosen_on_is_measured(rate):
    counts = images(14)
    own = torch.full((14,), 70)
    figures = rate(counts, own, 1)
    assert figures['photos'] == 8  # 2, 3, 5, 6, 8, 9, 11, 12
    assert figures['threshold'] == pytest.approx(0.2)
    assert figures['calibrated'] == figures['best_of_each'] == 100
    assert figures['otsu'] == 25  # at 0.7 all is background: half of the pixels, and no object
    assert rate(counts, own, None)['photos'] == 12


def test_what_is_left_to_win_counts_an_own_threshold_for_each(rate):
    figures = rate(images(14), torch.tensor([70 if index % 3 == 1 else 30 for index in range(14)]), None)
    assert figures['otsu'] == figures['best_of_each'] == 100
    assert figures['best_threshold'] < 100
