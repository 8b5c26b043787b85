"""Train a config: ``python tools/train.py CONFIG``, in mmengine's usual form. The same as ``gain-plugin train``."""

from gain_plugin.commands.train import train as main

if __name__ == '__main__':
    main()
