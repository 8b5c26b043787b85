"""The command line: ``gain-plugin``, or ``python -m gain_plugin``. One file a verb, and one entry here."""

import click

from gain_plugin.commands.layers import layers
from gain_plugin.commands.maps import maps
from gain_plugin.commands.report import report


@click.group(context_settings={'help_option_names': ['-h', '--help']})
@click.version_option(package_name='gain_plugin', prog_name='gain-plugin')
def main() -> None:
    """Guided attention (GAIN): look at classifiers, and train them where to look.

    Every verb has an example: gain-plugin VERB --help. The exit code is 0, 1 where something went wrong, or 2 for a
    command line that makes no sense.
    """


for verb in (maps, layers, report):
    main.add_command(verb)
