import pickle

import pytest
import torch

from gain_plugin.layers import Layout, layout_by_shape


def numbered(count: int, prefix: int = 0, suffix: int = 0) -> torch.Tensor:
    """Tokens (1, T, 2) whose first channel counts the cells; others are -1."""
    cells = torch.cat([torch.full((prefix,), -1.0), torch.arange(float(count)), torch.full((suffix,), -1.0)])
    return torch.stack([cells, cells], 1)[None]


@pytest.mark.parametrize('form', ['NTC', 'TNC'])
def test_cells_lie_row_by_row_between_the_other_tokens(form):
    layout = Layout(form, 2, (2, 3), (32, 48), prefix=2, suffix=1)
    tokens = numbered(6, 2, 1)
    grid = layout.to_grid(tokens if form == 'NTC' else tokens.transpose(0, 1), (32, 48))
    assert grid[0, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_grids_of_convolutions_have_any_proportion():
    assert Layout('NCHW', 8, (4, 4), (64, 64)).to_grid(torch.zeros(1, 8, 3, 40), (64, 64)).shape == (1, 8, 3, 40)
    assert Layout('NHWC', 8, (4, 4), (64, 64)).to_grid(torch.zeros(1, 3, 40, 8), (64, 64)).shape == (1, 8, 3, 40)


def test_the_grid_of_patches_follows_from_the_size():
    layout = Layout('NTC', 2, (14, 14), (224, 224), prefix=1)
    layout.learn_size(1 + 14 * 28, (224, 448))
    assert layout.to_grid(numbered(10 * 20, 1), (160, 320)).shape == (1, 2, 10, 20)
    with pytest.raises(ValueError, match=r'196 tokens .* 160 x 320, where a grid of 10 x 20 beside 1 others was expec'):
        layout.to_grid(numbered(195, 1), (160, 320))


def test_overlapping_patches_make_fewer_cells():
    layout = Layout('NTC', 2, (27, 27), (224, 224))  # 16 px each, 8 px apart
    layout.learn_size(27 * 55, (224, 448))
    assert layout.stride == (8, 8)
    assert layout.to_grid(numbered(19 * 39), (160, 320)).shape == (1, 2, 19, 39)


def test_a_model_that_resizes_has_one_grid():
    layout = Layout('NTC', 2, (14, 14), (224, 224), prefix=1)
    layout.learn_size(197, (224, 448))
    assert layout.fixed
    assert layout.to_grid(numbered(196, 1), (300, 500)).shape == (1, 2, 14, 14)
    with pytest.raises(ValueError, match=r'401 tokens .* a grid of 14 x 14'):
        layout.to_grid(numbered(400, 1), (320, 320))


def test_cells_are_rounded_as_stages_do():
    layout = Layout('NTC', 2, (7, 7), (224, 224))
    assert layout.to_grid(numbered(7 * 10), (250, 333)).shape[-2:] == (7, 10)  # 7.8 x 10.4, cut off
    assert layout.to_grid(numbered(8 * 11), (250, 333)).shape[-2:] == (8, 11)  # padded


def test_other_features_than_learnt_are_refused():
    layout = Layout('NTC', 2, (14, 14), (224, 224))
    for features in (torch.zeros(1, 196, 3), torch.zeros(1, 2, 14, 14)):
        with pytest.raises(ValueError, match='was learnt as NTC with 2 channels: give reshape='):
            layout.to_grid(features, (224, 224))


def test_a_grid_of_one_cell_is_told_once():
    layout = Layout('NCHW', 2, (7, 7), (224, 224))
    with pytest.warns(UserWarning, match=r'1 x 1 for images of 32 x 32.*name an earlier target_layer'):
        layout.to_grid(torch.zeros(1, 2, 1, 1), (32, 32))
    layout.to_grid(torch.zeros(1, 2, 1, 1), (32, 32))


def test_can_be_pickled_and_is_plain():
    layout = Layout('NTC', 2, (14, 14), (224, 224), prefix=1)
    layout.learn_size(1 + 14 * 28, (224, 448))
    assert pickle.loads(pickle.dumps(layout)) == layout


def test_a_vector_is_no_grid():
    with pytest.raises(ValueError, match='cannot read a grid'):
        layout_by_shape(torch.zeros(2, 1024, 1), (224, 224))
