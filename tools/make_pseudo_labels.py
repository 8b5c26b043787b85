"""Write pseudo labels for the config's test images: ``python tools/make_pseudo_labels.py CONFIG CHECKPOINT --out DIR``.

The same as ``gain-plugin labels``.
"""

from gain_plugin.commands.labels import labels as main

if __name__ == '__main__':
    main()
