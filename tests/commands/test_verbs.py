import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from gain_plugin.commands import main
from gain_plugin.commands.verb import repeated


def test_prints_the_choice_and_the_alternatives():
    result = CliRunner().invoke(main, ['layers', 'test_resnet'])
    assert result.exit_code == 0
    assert "target_layer  'layer4'" in result.stdout
    assert "grid  10 x  10, stride 16.0: 'layer3'" in result.stdout


def test_an_unknown_model_is_named():
    result = CliRunner().invoke(main, ['layers', 'resnet1'])
    assert result.exit_code == 1
    assert 'Error: resnet1: Unknown model' in result.stderr


def test_the_module_is_the_command():
    done = subprocess.run([sys.executable, '-m', 'gain_plugin', '--help'], capture_output=True, text=True, check=True)
    assert 'Usage: gain-plugin' in done.stdout


@pytest.mark.parametrize('name', sorted(main.commands))
def test_every_verb_has_an_example_and_a_way_to_see_errors(name):
    text = CliRunner().invoke(main, [name, '--help']).stdout
    assert re.search(rf'Examples?:\n +gain-plugin {name}\b', text)
    assert '--traceback' in text


@pytest.mark.parametrize(
    ('words', 'expected'),
    [
        (
            ['--classes', 'cat', 'hot dog', '-q', 'photo.jpg'],
            ['--classes', 'cat', '--classes', 'hot dog', '-q', 'photo.jpg'],
        ),
        (['photo.jpg', '--out', 'maps', '--classes=cat'], ['photo.jpg', '--out', 'maps', '--classes=cat']),
        (['--classes', '-q'], ['--classes', '-q']),
        (['a', '--classes'], ['a', '--classes']),
    ],
)
def test_an_option_takes_values_in_a_row(words, expected):
    assert list(repeated(words, {'--classes'})) == expected


def test_an_option_without_its_value_is_refused():
    result = CliRunner().invoke(main, ['maps', '.', '--out', 'maps', '--classes'])
    assert (result.exit_code, "'--classes' requires an argument" in result.stderr) == (2, True)


def test_a_format_to_convert_has_options_and_errors_of_its_own(tmp_path):
    help_of_format = CliRunner().invoke(main, ['convert', 'table', '--help'])
    assert help_of_format.exit_code == 0
    assert 'usage: gain-plugin convert table' in help_of_format.stdout
    refused = CliRunner().invoke(main, ['convert', 'folders', str(tmp_path), '--out', str(tmp_path / 'own')])
    assert (refused.exit_code, 'name a folder beside it' in refused.stderr) == (1, True)
    assert CliRunner().invoke(main, ['convert', 'tables', str(tmp_path)]).exit_code == 2
