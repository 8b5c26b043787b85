"""The command line: ``gain-plugin``, or ``python -m gain_plugin``. One file a verb, and one entry here."""

import click

from gain_plugin.commands.check import check
from gain_plugin.commands.compare import compare
from gain_plugin.commands.convert import convert
from gain_plugin.commands.demo import demo
from gain_plugin.commands.labels import labels
from gain_plugin.commands.layers import layers
from gain_plugin.commands.maps import maps
from gain_plugin.commands.report import report
from gain_plugin.commands.test import test
from gain_plugin.commands.train import train


@click.group(context_settings={'help_option_names': ['-h', '--help']})
@click.version_option(package_name='gain_plugin', prog_name='gain-plugin')
def main() -> None:
    """Guided attention (GAIN): look at classifiers, and train them where to look.

    Every verb has an example: gain-plugin VERB --help. The exit code is 0, 1 where something went wrong, or 2 for a
    command line that makes no sense.
    """


for verb in (maps, demo, compare, layers, convert, check, train, test, labels, report):
    main.add_command(verb)
