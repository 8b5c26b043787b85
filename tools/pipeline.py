"""The whole road from tags to a segmenter, for several classifiers: classifier, pseudo labels, segmenter, evaluation.

    python tools/pipeline.py configs/voc_animals/plain.py configs/voc_animals/gain.py \
        --segmenter configs/voc_animals_segmenters/deeplabv3plus_lite0.py --work-dir work_dirs/pipeline

Pseudo labels are made for the images that the classifier was trained on, each segmenter is trained on those of one
classifier and tested on the segmenter's test images, with and without a dense CRF. What is finished is skipped, what
was interrupted goes on. The work directory gets a folder for each classifier and ``results.json``.
"""

import argparse
import json
import time
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.registry import METRICS
from mmengine.runner import Runner
from mmseg.evaluation import IoUMetric
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gain_plugin.mm import LabelRule, make_pseudo_labels
from gain_plugin.mm.runs import keep_same, train, training_settings, write_json

STAGES = ('classifier', 'labels', 'segmenter', 'evaluation')
COLUMNS = {
    'seed_mIoU': 'seeds',
    'label_mIoU': 'pseudo labels',
    'mIoU': 'segmenter',
    'mIoU_crf': 'with CRF',
}


@METRICS.register_module()
class ClassIoU(IoUMetric):
    """mmseg's ``IoUMetric``, which prints the IoU of each class, and gives it as ``IoU_<class>``: NaN if absent."""

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Called by mmengine."""
        metrics = super().compute_metrics(results)
        intersect, union, *_ = (sum(areas) for areas in zip(*results, strict=True))
        names = (f'IoU_{name}' for name in self.dataset_meta['classes'])
        return {**metrics, **dict(zip(names, (100 * intersect / union).tolist(), strict=True))}


class Road:
    """One classifier's way to a segmenter, in a folder of its own; each stage is done once."""

    def __init__(self, path: Path, args: argparse.Namespace) -> None:
        self.classifier = Config.fromfile(path)
        self.classifier.randomness.seed = args.seed
        self.segmenter = Config.fromfile(args.segmenter)
        self.segmenter.randomness.seed = args.seed
        self.segmenter.merge_from_dict(args.cfg_options)
        self.rule = LabelRule(args.foreground, args.background, args.saliency, refine=args.refine, otsu=args.otsu)
        self.calibration = {'calibrate_on': args.calibrate, 'decided': args.decided}
        self.crf = args.crf
        self.workers = args.workers
        self.folder = args.work_dir / path.stem
        self.segmenter.train_dataloader.dataset.data_prefix.seg_map_path = str((self.folder / 'labels').absolute())

    def run(self) -> dict:
        """The figures of every stage and its minutes, as ``results.json`` keeps them."""
        done = self.folder / 'stages.json'
        keep_same(self.folder / 'settings.json', self.settings())
        results = json.loads(done.read_text()) if done.exists() else {}
        for stage in STAGES:
            if stage in results:
                continue
            begin = time.time()
            figures = getattr(self, f'make_{stage}')()
            results[stage] = {**figures, 'minutes': (time.time() - begin) / 60}
            write_json(done, results)
        return results

    def settings(self) -> dict:
        """All that the figures depend on."""
        return {
            'classifier': training_settings(self.classifier),
            'attention': self.classifier.default_hooks.get('attention'),
            'labels': {**self.rule._asdict(), **self.calibration},
            'segmenter': training_settings(self.segmenter),
            'test': self.segmenter.test_dataloader,
            'crf': self.crf,
        }

    def make_classifier(self) -> dict:
        """Train the classifier."""
        train(self.classifier, self.folder / 'classifier')
        return {}

    def make_labels(self) -> dict:
        """Label the photos that it was trained on; their masks, where there are some, only measure the labels."""
        data = self.classifier.train_dataloader.dataset
        data = data.datasets[0] if 'datasets' in data else data
        self.classifier.test_dataloader.dataset.update(ann_file=data.ann_file, masks='found')
        checkpoint = (self.folder / 'classifier/last_checkpoint').read_text()
        report = make_pseudo_labels(
            self.classifier, checkpoint, self.folder / 'labels', self.rule, self.workers, **self.calibration
        )
        if report.failed:
            raise SystemExit(f'no labels for {report.failed}: mend these images or take them off the list')
        return report.metrics | ({'calibration': report.calibration._asdict()} if report.calibration else {})

    def make_segmenter(self) -> dict:
        """Train the segmenter on the labels."""
        train(self.segmenter, self.folder / 'segmenter')
        return {}

    def make_evaluation(self) -> dict:
        """Test the segmenter."""
        figures = self.test(())
        return {**figures, 'mIoU_crf': self.test(({'type': 'CRFHook'},))['mIoU']} if self.crf else figures

    def test(self, hooks: tuple) -> dict:
        """IoU by mmseg, with hooks of its own."""
        cfg = self.segmenter.copy()
        cfg.update(
            work_dir=str(self.folder / 'segmenter'),
            load_from=(self.folder / 'segmenter/last_checkpoint').read_text(),
            resume=False,
            custom_hooks=[*cfg.get('custom_hooks', []), *hooks],
        )
        cfg.update(val_dataloader=None, val_cfg=None, val_evaluator=None)
        cfg.test_evaluator[0].type = 'ClassIoU'
        return {name: float(value) for name, value in Runner.from_cfg(cfg).test().items()}  # from NumPy


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    rule = LabelRule()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='+', type=Path, help='classifiers; the names of the files must differ')
    parser.add_argument('--segmenter', type=Path, required=True, help='config that is trained on the labels')
    parser.add_argument('--work-dir', type=Path, required=True, help='where everything goes')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--workers', type=int, default=1, help='processes that write labels')
    parser.add_argument('--foreground', type=float, default=rule.foreground, help='map above which a class is sure')
    parser.add_argument('--background', type=float, default=rule.background, help='map below which none can be')
    parser.add_argument('--saliency', help='folder of grey <id>.png; the background is then where these are dark')
    parser.add_argument('--refine', choices=['pamr', 'crf'], help='draw the labels to the edges of the images')
    parser.add_argument('--otsu', action='store_true', help='a threshold for each image, chosen by its map alone')
    parser.add_argument('--calibrate', metavar='LIST', help='choose both thresholds on the masks of the listed ids')
    parser.add_argument('--decided', type=float, default=1.0, help='least share of pixels that --calibrate decides')
    parser.add_argument('--crf', action='store_true', help='evaluate behind a dense CRF, too (pip install pydensecrf2)')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={}, help='settings of the segmenter')
    return parser.parse_args()


def main() -> None:
    """Go all roads of the command line."""
    args = parse_args()
    roads = [Road(path, args) for path in args.configs]
    if len({road.folder for road in roads}) < len(roads):
        raise SystemExit('the names of the configs must differ')
    results = {road.folder.name: road.run() for road in roads}
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
