"""Which layers to look at: the target layer, whose grid the maps have, and the score layer; and how to read a grid.

They are found by passes over noise. ``python -m gain_plugin.layers NAME`` prints what is found in a timm model.
"""

from gain_plugin.layers.layout import Layout, layout_by_shape, size_of, to_grid
from gain_plugin.layers.probe import ProbeError, tensor_of
from gain_plugin.layers.scores import read_scores
from gain_plugin.layers.search import Grid, Layers, find_layers

__all__ = [
    'Grid',
    'Layers',
    'Layout',
    'ProbeError',
    'find_layers',
    'layout_by_shape',
    'read_scores',
    'size_of',
    'tensor_of',
    'to_grid',
]
