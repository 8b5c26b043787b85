"""``python -m gain_plugin.layers NAME``: what would be recorded for a timm model, and the alternatives."""

import argparse

import timm

from gain_plugin.layers import find_layers


def main() -> None:
    """Print the layers of one model."""
    parser = argparse.ArgumentParser(prog='python -m gain_plugin.layers', description=__doc__)
    parser.add_argument('name', help='as in timm.list_models()')
    parser.add_argument('--output-stride', type=int, help='passed to timm.create_model')
    parser.add_argument('--img-size', type=int, help='passed to timm.create_model')
    args = vars(parser.parse_args())
    name = args.pop('name')
    given = {option: value for option, value in args.items() if value}
    try:
        found = find_layers(timm.create_model(name, num_classes=2, **given))
    except (TypeError, ValueError, RuntimeError) as error:
        raise SystemExit(f'{name}: {error}') from error
    height, width = found.image_size
    print(f'{name} at {height} x {width}')
    print(f'score_layer   {found.score!r}')
    print(f'target_layer  {found.target!r}, with {found.share:.0%} of the layers with weights below it')
    for grid in found.grids:
        size = f'{grid.height:3} x {grid.width:3}, stride {height / grid.height:4.1f}'
        print(f'  grid {size}: {grid.name!r} {grid.shape}', '(chosen)' if grid.name == found.target else '')
    print(
        'A finer grid makes finer maps: a larger image (--img-size), a smaller stride (--output-stride 16 or 8) where '
        'the model takes it, or target_layer= one of the earlier layers.'
    )


if __name__ == '__main__':
    main()
