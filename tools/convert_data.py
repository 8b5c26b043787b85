"""Turn photos with labels into lists, labels and a config: the same as ``gain-plugin convert FORMAT``."""

from gain_plugin.commands.convert import convert

if __name__ == '__main__':
    convert()
