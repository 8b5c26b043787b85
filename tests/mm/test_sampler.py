import itertools

import pytest

from gain_plugin.mm import MaskedSampler


class Photos:
    """The first have masks."""

    def __init__(self, count, masked):
        self.paths = [f'{index}.png' if index < masked else None for index in range(count)]

    def __len__(self):
        return len(self.paths)

    def get_data_info(self, index):
        return {'seg_map_path': self.paths[index]}


def test_share_of_those_with_a_mask():
    sampler = MaskedSampler(Photos(1000, 10), 0.5, seed=0)
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == 1000
    masked = [index for index in drawn if index < 10]
    assert 450 < len(masked) < 550
    others = [index for index in drawn if index >= 10]
    assert len(set(others)) == len(others)  # none twice before all came
    counts = [masked.count(index) for index in range(10)]
    assert max(counts) - min(counts) <= 1


def test_epochs_differ_and_come_again():
    sampler = MaskedSampler(Photos(20, 5), 0.5, seed=3)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first
    sampler.set_epoch(0)
    assert list(sampler) == first


def test_an_endless_one_goes_through_the_same_epochs():
    once, endless = (MaskedSampler(Photos(20, 5), 0.5, seed=3, endless=ends) for ends in (False, True))
    first = list(once)
    once.set_epoch(1)
    draws = list(itertools.islice(endless, 40))
    assert draws == [*first, *once]
    endless.skip(27)  # as mmengine where it resumes
    assert list(itertools.islice(endless, 13)) == draws[27:]
    assert not hasattr(once, 'skip')


def test_ranks_share_one_order(monkeypatch):
    whole = list(MaskedSampler(Photos(20, 5), 0.5, seed=3))
    parts = []
    for rank in range(2):
        monkeypatch.setattr('gain_plugin.mm.sampler.get_dist_info', lambda rank=rank: (rank, 2))
        parts.append(list(MaskedSampler(Photos(20, 5), 0.5, seed=3)))
    assert [index for pair in zip(*parts, strict=True) for index in pair] == whole


def test_all_have_masks():
    assert sorted(MaskedSampler(Photos(8, 8), 0.5, seed=0)) == list(range(8))


def test_what_cannot_be_drawn():
    with pytest.raises(ValueError, match='none of 8 photos has a mask'):
        MaskedSampler(Photos(8, 0), 0.5)
    for share in (0, 1, 1.5):
        with pytest.raises(ValueError, match=f'share must be within 0 and 1, got {share}'):
            MaskedSampler(Photos(8, 2), share)
