"""Train configs one after another and compare them: ``python tools/compare.py CONFIGS... --work-dir DIR``.

The same as ``gain-plugin compare``.
"""

from gain_plugin.commands.compare import compare as main

if __name__ == '__main__':
    main()
