import pytest

from gain_plugin.mm.runs import keep_same, write_json


def test_other_settings_are_refused_by_name(tmp_path):
    path = tmp_path / 'work/settings.json'
    settings = {'optimizer': {'lr': 0.1, 'betas': [0.9, 0.99]}, 'hooks': []}
    keep_same(path, settings)
    keep_same(path, settings)
    other = {'optimizer': {'lr': 0.2, 'betas': (0.9, 0.99)}, 'hooks': []}
    with pytest.raises(ValueError, match=r'made with other settings \(optimizer.lr 0.1 -> 0.2\): take another'):
        keep_same(path, other)


def test_results_stay_when_the_new_ones_cannot_be_written(tmp_path):
    write_json(tmp_path / 'rows.json', [1])
    with pytest.raises(TypeError):
        write_json(tmp_path / 'rows.json', [object()])
    assert (tmp_path / 'rows.json').read_text() == '[\n 1\n]\n'
