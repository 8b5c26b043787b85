import pytest
from mmengine.config import Config

from gain_plugin.mm.options import load_config, merge_options


def test_settings_are_merged():
    cfg = Config({'model': {'type': 'A'}, 'train_cfg': {'max_iters': 9}})
    merge_options(cfg, {'train_cfg.max_iters': 3, 'randomness.seed': 1, 'load_from': 'a.pth'})
    assert cfg.to_dict() == {
        'model': {'type': 'A'},
        'train_cfg': {'max_iters': 3},
        'randomness': {'seed': 1},
        'load_from': 'a.pth',
    }


def test_a_setting_that_nobody_reads_is_refused():
    with pytest.raises(
        ValueError, match="'train_cgf.max_iters' would change .* no 'train_cgf'; do you mean 'train_cfg'"
    ):
        merge_options(Config({}), {'train_cgf.max_iters': 3})


def test_a_variable_that_was_read_already_is_told():
    with pytest.warns(UserWarning, match="'size' is a variable of the config, and was put where it belongs"):
        merge_options(Config({'size': 160}), {'size': 320})


def test_what_is_no_config_to_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match='the config .*none.py is not there'):
        load_config(tmp_path / 'none.py')
    (tmp_path / 'part.py').write_text('size = 160')
    with pytest.raises(ValueError, match='part.py has no model, so that it is no whole config'):
        load_config(tmp_path / 'part.py')
