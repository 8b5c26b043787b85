"""``gain-plugin layers``."""

import click

from gain_plugin.commands.verb import Verb


@click.command(cls=Verb, examples=['layers vgg16'])
@click.argument('name')
@click.option('--output-stride', type=int, help='passed to timm.create_model')
@click.option('--img-size', type=int, help='passed to timm.create_model')
def layers(name: str, output_stride: int | None, img_size: int | None) -> None:
    """Print which layers of the timm model NAME are looked at, and the alternatives."""
    from gain_plugin.layers.describe import describe_timm

    given = {'output_stride': output_stride, 'img_size': img_size}
    click.echo(describe_timm(name, {option: value for option, value in given.items() if value}))
