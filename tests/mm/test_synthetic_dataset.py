import torch

from gain_plugin.mm import SyntheticDataset


def test_synthetic():
    data = SyntheticDataset(2, 0, masks=True)
    assert data[0]['img'].shape == (64, 64, 3)
    assert sorted(data[1]['gt_label']) == [value - 1 for value in torch.tensor(data[1]['gt_seg_map']).unique() if value]
    assert 'gt_seg_map' not in SyntheticDataset(2, 0, masks=False)[0]
