"""``python -m gain_plugin.layers NAME``, the same as ``gain-plugin layers NAME``."""

from gain_plugin.commands.layers import layers

if __name__ == '__main__':
    layers(prog_name='python -m gain_plugin.layers')
