"""What is looked at in a model of timm, for people."""

from typing import Any

from gain_plugin.layers.search import Layers, find_layers


def describe_timm(name: str, options: dict[str, Any]) -> str:
    """The layers that are found in a model, and the alternatives.

    Args:
        name: as in ``timm.list_models()``.
        options: of ``timm.create_model``.

    Raises:
        ImportError: timm is missing.
        ValueError: no such model, or one whose layers cannot be found.

    """
    try:
        import timm
    except ImportError as error:
        raise ImportError("this needs timm: pip install 'gain_plugin[timm]'") from error
    try:
        return describe(name, find_layers(timm.create_model(name, num_classes=2, **options)))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f'{name}: {error}') from error


def describe(name: str, found: Layers) -> str:
    """The layers as lines of text."""
    height, width = found.image_size
    lines = [
        f'{name} at {height} x {width}',
        f'score_layer   {found.score!r}',
        f'target_layer  {found.target!r}, with {found.share:.0%} of the layers with weights below it',
    ]
    for grid in found.grids:
        size = f'{grid.height:3} x {grid.width:3}, stride {height / grid.height:4.1f}'
        chosen = ' (chosen)' if grid.name == found.target else ''
        lines.append(f'  grid {size}: {grid.name!r} {grid.shape}{chosen}')
    lines.append(
        'A finer grid makes finer maps: a larger image (--img-size), a smaller stride (--output-stride 16 or 8) where '
        'the model takes it, or target_layer= one of the earlier layers.'
    )
    return '\n'.join(lines)
