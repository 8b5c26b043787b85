"""Check a data set before hours are spent: ``python tools/check_data.py --help``, the same as ``gain-plugin check``."""

from gain_plugin.commands.check import check

if __name__ == '__main__':
    check()
