"""``gain-plugin convert``."""

import click

from gain_plugin.commands.verb import Verb

EXAMPLES = (
    'convert folders photos --out own --config classes',
    'convert table tags.csv --photos photos --out own',
    'convert coco instances.json --photos photos --out own --config masks',
)
# what stands after the format is its own, --help too
SETTINGS = {'ignore_unknown_options': True, 'allow_interspersed_args': False}


@click.command(cls=Verb, examples=EXAMPLES, context_settings=SETTINGS)
@click.argument('format', required=True)
@click.argument('options', nargs=-1, type=click.UNPROCESSED)
def convert(format: str, options: tuple[str, ...]) -> None:
    """Turn photos with labels into the lists, labels, masks and config that training reads.

    FORMAT is one of folders, table, coco, yolo, labelme, voc, voc-sbd, npy and huggingface; gain-plugin convert FORMAT
    --help shows its options. The source stays as it is.
    """
    from gain_plugin.readers.convert import main

    main([format, *options])
