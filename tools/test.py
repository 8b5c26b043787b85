"""Evaluate a checkpoint: ``python tools/test.py CONFIG CHECKPOINT``. The same as ``gain-plugin test``."""

from gain_plugin.commands.test import test as main

if __name__ == '__main__':
    main()
