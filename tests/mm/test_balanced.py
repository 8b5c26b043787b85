import pytest

from gain_plugin.mm import BalancedConcat, SyntheticDataset


def images(count, seed):
    return SyntheticDataset(count=count, seed=seed, masks=False, pipeline=[])


@pytest.mark.parametrize(
    ('large', 'small', 'share', 'times'), [(12, 4, 0.5, 3), (10, 4, 0.25, 1), (12, 1, 0.25, 4), (4, 12, 0.5, 1)]
)
def test_repeats_the_small_one_to_its_share(large, small, share, times):
    joined = BalancedConcat([images(large, 0), images(small, 1)], share)
    assert len(joined) == large + times * small
    paths = [str(joined.get_data_info(index)['img']) for index in range(len(joined))]
    own = [str(images(small, 1).get_data_info(index)['img']) for index in range(small)]
    assert paths[large:] == own * times


def test_builds_its_data_sets():
    config = {'type': 'SyntheticDataset', 'count': 4, 'seed': 0, 'masks': False, 'pipeline': []}
    assert len(BalancedConcat([config, {**config, 'count': 2}])) == 4 + 2 * 2


@pytest.mark.parametrize(
    ('sizes', 'share', 'message'),
    [
        ((4,), 0.5, 'datasets must be two, the large one and the small one, not 1'),
        ((4, 2), 1.0, 'share must be above 0 and below 1, not 1.0'),
        ((4, 0), 0.5, 'datasets must not be empty: they have 4 and 0 images'),
    ],
)
def test_says_what_it_cannot_join(sizes, share, message):
    with pytest.raises(ValueError, match=message):
        BalancedConcat([images(4, 0).get_subset(count) for count in sizes], share)
