import pytest
import torch

from gain_plugin.masks import check_truth, voc_palette


def test_palette_of_voc():
    """Background, aeroplane, cat, tvmonitor and the border, as in the development kit."""
    palette = voc_palette()
    colours = [palette[3 * value : 3 * value + 3] for value in (0, 1, 8, 20, 255)]
    assert colours == [[0, 0, 0], [128, 0, 0], [64, 0, 0], [0, 64, 128], [224, 224, 192]]


MAPS, OF, TRUTH = torch.rand(2, 4, 5), torch.tensor([0, 2]), torch.randint(0, 4, (4, 5))


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        ((MAPS, OF, TRUTH[:3]), r'maps \(4, 5\) and truth \(3, 5\) differ in size'),
        ((MAPS, OF, TRUTH.float()), 'truth must be integers, .* got torch.float32'),
        ((MAPS, OF[:1], TRUTH), r'need the class of each map, got \(1,\) for 2 maps'),
        ((MAPS * 255, OF, TRUTH), 'maps must be in 0..1: divide each by its maximum'),
        ((MAPS * torch.nan, OF, TRUTH), 'maps must be in 0..1'),
        ((MAPS, OF, TRUTH - 1), 'truth has values below 0: unknown pixels are 255'),
        ((MAPS, OF, TRUTH, 2), r'classes must be numbers from 0 to 1, got \[0, 2\]'),
        ((MAPS, OF - 1, TRUTH), r'classes must be numbers from 0, got \[-1, 1\]'),
    ],
)
def test_maps_that_cannot_be_compared_with_their_truth(given, message):
    with pytest.raises(ValueError, match=message):
        check_truth(*given)


def test_maps_that_can_be_compared_with_their_truth():
    check_truth(MAPS, OF, TRUTH, 3)
    check_truth(MAPS[:0], OF[:0], TRUTH, 3)
    check_truth(torch.ones(2, 4, 5), OF, TRUTH * 85)
