import pytest
import torch

from gain_plugin import labels_from_cues, seed_cues

MAPS = torch.tensor([[[0.9, 0.2, 0.0, 0.30]], [[0.1, 0.4, 0.05, 0.25]]])
CLASSES = torch.tensor([3, 7])


@pytest.mark.parametrize(
    ('settings', 'foreground_cue', 'background_cue', 'labels'),
    [
        ({}, [1, 2, 0, 0], [1, 2, 0, 1], [4, 8, 0, 255]),
        ({'foreground': 0.2}, [1, 2, 0, 1], [1, 2, 0, 1], [4, 8, 0, 4]),
        ({'background': 0.3}, [1, 2, 0, 0], [1, 2, 0, 0], [4, 8, 0, 0]),
        ({'saliency': torch.tensor([[0.0, 1.0, 0.1, 0.06]])}, [1, 2, 0, 0], [1, 2, 2, 0], [4, 8, 255, 0]),
    ],
)
def test_cues_and_labels_by_hand(settings, foreground_cue, background_cue, labels):
    cues = seed_cues(MAPS, **settings)
    assert [cue.tolist() for cue in cues] == [[foreground_cue], [background_cue]]
    assert labels_from_cues(*cues, CLASSES).tolist() == [labels]


def test_saliency_of_another_size():
    with pytest.raises(ValueError, match=r'maps \(1, 4\) and saliency \(4, 1\) differ'):
        seed_cues(MAPS, saliency=torch.zeros(4, 1))


def test_more_classes_than_8_bit_can_number():
    cue = torch.ones(2, 2, dtype=torch.long)
    assert labels_from_cues(cue, cue, torch.tensor([253])).unique().tolist() == [254]
    with pytest.raises(ValueError, match='255 classes do not fit into masks of 8 bit'):
        labels_from_cues(cue, cue, torch.tensor([254]))
