import math
from functools import partial

import pytest
from torch import nn

from gain_plugin.mm.runs import keep_same, write_json


def test_other_settings_are_refused_by_name(tmp_path):
    path = tmp_path / 'work/settings.json'
    settings = {'optimizer': {'lr': 0.1, 'betas': [0.9, 0.99]}, 'hooks': []}
    keep_same(path, settings)
    keep_same(path, settings)
    other = {'optimizer': {'lr': 0.2, 'betas': (0.9, 0.99)}, 'hooks': []}
    with pytest.raises(ValueError, match=r'made with other settings \(optimizer.lr 0.1 -> 0.2\): take another'):
        keep_same(path, other)


@pytest.mark.parametrize('content', [b'', b'{"model": ', b'\xff\xfe'])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / 'settings.json').write_bytes(content)
    with pytest.raises(ValueError, match=r'settings.json is damaged \(.*\): mend it, or remove what it belongs to'):
        keep_same(tmp_path / 'settings.json', {})


def test_functions_and_classes_in_settings_are_known_by_name(tmp_path):
    """Their text has an address, which is another one in each run."""
    path = tmp_path / 'settings.json'
    keep_same(path, {'reshape': math.sqrt, 'type': nn.ReLU, 'scores': partial(max, key=len), 'own': lambda: 0})
    keep_same(path, {'reshape': math.sqrt, 'type': nn.ReLU, 'scores': partial(max, key=len), 'own': lambda: 0})
    with pytest.raises(ValueError, match=r'\(reshape math.sqrt -> math.exp\)'):
        keep_same(path, {'reshape': math.exp, 'type': nn.ReLU, 'scores': partial(max, key=len), 'own': lambda: 0})
    with pytest.raises(ValueError, match=r'scores.2.key builtins.len -> builtins.abs'):
        keep_same(path, {'reshape': math.sqrt, 'type': nn.ReLU, 'scores': partial(max, key=abs), 'own': lambda: 0})


def test_results_stay_when_the_new_ones_cannot_be_written(tmp_path):
    write_json(tmp_path / 'rows.json', [1])
    with pytest.raises(TypeError):
        write_json(tmp_path / 'rows.json', [object()])
    assert (tmp_path / 'rows.json').read_text() == '[\n 1\n]\n'
