"""The whole way from tags to a segmenter, for several classifiers: classifier, pseudo labels, segmenter, evaluation.

    python tools/pipeline.py configs/voc_animals/plain.py configs/voc_animals/gain.py \
        --segmenter configs/voc_animals_segmenters/deeplabv3plus_lite0.py --work-dir work_dirs/pipeline

Pseudo labels are made for the images that the classifier was trained on, each segmenter is trained on those of one
classifier and tested on the segmenter's test images, with and without a dense CRF. What is finished is skipped, what
was interrupted goes on. The work directory gets a folder for each classifier and ``results.json``.

With ``--rounds 2`` each classifier is trained a third longer with its own labels as masks, and, for comparison, without
them; both then go the rest of the way like the first (``<name>_round2``, ``<name>_longer``).
"""

import argparse
from pathlib import Path

from mmengine.config import DictAction
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gain_plugin.mm.pipeline import STAGES, Labelling, Pipeline
from gain_plugin.mm.runs import write_json
from gain_plugin.pseudo_labels import LabelRule

COLUMNS = {
    'seed_mIoU': 'seeds',
    'label_mIoU': 'pseudo labels',
    'mIoU': 'segmenter',
    'mIoU_crf': 'with CRF',
}


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    rule = LabelRule()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='+', type=Path, help='classifiers; the names of the files must differ')
    parser.add_argument('--segmenter', type=Path, required=True, help='config that is trained on the labels')
    parser.add_argument('--work-dir', type=Path, required=True, help='where everything goes')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--rounds', type=int, choices=[1, 2], default=1, help='2: train on with labels of its own, too')
    parser.add_argument('--workers', type=int, default=1, help='processes that write labels')
    parser.add_argument('--foreground', type=float, default=rule.foreground, help='above it a map is its class')
    parser.add_argument('--background', type=float, default=rule.background, help='below it all is background')
    parser.add_argument('--saliency', help='folder of grey <id>.png; the background is then where these are dark')
    parser.add_argument('--refine', choices=['pamr', 'crf'], help='draw the labels to the edges of the images')
    parser.add_argument('--otsu', action='store_true', help='a threshold for each image, chosen by its map alone')
    parser.add_argument('--regions', help='folder of <id>.png, numbers of regions that become one label each')
    parser.add_argument('--calibrate', metavar='LIST', help='choose both thresholds on the masks of the listed ids')
    parser.add_argument('--decided', type=float, default=1.0, help='least share of pixels that --calibrate decides')
    parser.add_argument('--crf', action='store_true', help='evaluate behind a dense CRF, too (pip install pydensecrf2)')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={}, help='settings of the segmenter')
    parser.add_argument('--attention', nargs='+', action=DictAction, default={}, help='settings of the AttentionHook')
    return parser.parse_args()


def pipeline_of(path: Path, args: argparse.Namespace) -> Pipeline:
    """The pipeline of a classifier by the arguments of the command line."""
    rule = LabelRule(
        args.foreground, args.background, args.saliency, refine=args.refine, otsu=args.otsu, regions=args.regions
    )
    return Pipeline(
        path,
        args.segmenter,
        args.work_dir,
        Labelling(rule, args.calibrate, args.decided),
        seed=args.seed,
        workers=args.workers,
        crf=args.crf,
        segmenter_options=args.cfg_options,
        attention_options=args.attention,
    )


def rounds_of(first: Pipeline, rounds: int) -> list[Pipeline]:
    """A pipeline and, with two rounds, those that go on from it."""
    return [first] if rounds == 1 else [first, first.further(labels=False), first.further(labels=True)]


def Road(path: Path, args: argparse.Namespace) -> Pipeline:  # noqa: N802
    """The former name of ``pipeline_of``, for scripts whose arguments lack what has come since."""
    former = {'refine': 'crf' if getattr(args, 'label_crf', False) else None, 'otsu': False}
    since = {'regions': None, 'calibrate': None, 'decided': 1.0, 'attention': {}}
    return pipeline_of(path, argparse.Namespace(**{**former, **since, **vars(args)}))


def main() -> None:
    """Go through the pipelines of the command line."""
    args = parse_args()
    pipelines = [one for path in args.configs for one in rounds_of(pipeline_of(path, args), args.rounds)]
    if len({pipeline.folder for pipeline in pipelines}) < len(pipelines):
        raise SystemExit('the names of the configs must differ')
    results = {pipeline.folder.name: pipeline.run() for pipeline in pipelines}
    write_json(args.work_dir / 'results.json', results)
    table = Table('mIoU, per cent', *COLUMNS.values(), *(f'min {stage}' for stage in STAGES))
    for name, stages in results.items():
        figures = {key: value for stage in stages.values() for key, value in stage.items()}
        cells = [f'{figures[key]:.1f}' if key in figures else '-' for key in COLUMNS]
        table.add_row(escape(name), *cells, *(f'{stages[stage]["minutes"]:.0f}' for stage in STAGES))
    Console(width=120).print(table, by_class(results))


def by_class(results: dict[str, dict]) -> Table:
    """IoU of the segmenters for each class."""
    rows = {name: stages['evaluation'] for name, stages in results.items()}
    keys = [key for key in next(iter(rows.values())) if key.startswith('IoU_')]
    table = Table('segmenter', *(escape(key.removeprefix('IoU_')) for key in keys))
    for name, figures in rows.items():
        table.add_row(escape(name), *(f'{figures[key]:.1f}' for key in keys))
    return table


if __name__ == '__main__':
    main()
