import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from gain_plugin.commands import main


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
