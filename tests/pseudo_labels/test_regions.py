import pytest
import torch

from gain_plugin.pseudo_labels.regions import region_means


def test_a_region_takes_its_average_and_what_is_in_none_stays():
    maps = torch.tensor([[[0.0, 0.5, 1.0], [0.2, 0.3, 0.7]], [[1.0, 1.0, 0.0], [0.4, 0.0, 0.1]]])
    regions = torch.tensor([[7, 7, 300], [0, 7, 0]])  # numbers may be left out
    expected = [[[0.8 / 3, 0.8 / 3, 1], [0.2, 0.8 / 3, 0.7]], [[2 / 3, 2 / 3, 0], [0.4, 2 / 3, 0.1]]]
    torch.testing.assert_close(region_means(maps, regions), torch.tensor(expected))


def test_pixels_of_their_own_and_one_region_for_all():
    maps = torch.rand(2, 3, 4)
    assert torch.equal(region_means(maps, torch.arange(1, 13).view(3, 4)), maps)
    whole = region_means(maps, torch.ones(3, 4, dtype=torch.int64))
    torch.testing.assert_close(whole, maps.mean((1, 2), keepdim=True).expand(2, 3, 4))


def test_regions_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r'maps \(3, 4\) and regions \(4, 3\) differ in size'):
        region_means(torch.rand(1, 3, 4), torch.ones(4, 3, dtype=torch.int64))
