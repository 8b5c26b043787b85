"""``python -m gain_plugin``, the same as ``gain-plugin``."""

from gain_plugin.commands import main

main(prog_name='gain-plugin')
