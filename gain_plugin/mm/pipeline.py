"""From tags to a segmenter: a classifier, its pseudo labels, a segmenter trained on them, and how good that is."""

import copy
import time
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config
from mmengine.registry import METRICS
from mmseg.evaluation import IoUMetric

from gain_plugin.files import write_atomically
from gain_plugin.mm.console import QuietRunner
from gain_plugin.mm.kinds import is_stream, is_tagged_photos
from gain_plugin.mm.label_samples import sources_of
from gain_plugin.mm.pseudo_labels import make_pseudo_labels
from gain_plugin.mm.rounds import further_steps, second_round
from gain_plugin.mm.runs import keep_same, read_json, train, training_settings, write_json
from gain_plugin.pseudo_labels.rules import LabelRule
from gain_plugin.tagged_photos import MASK_FOLDERS

STAGES = ('classifier', 'labels', 'segmenter', 'evaluation')


@METRICS.register_module()
class ClassIoU(IoUMetric):
    """mmseg's ``IoUMetric``, which prints the IoU of each class, and gives it as ``IoU_<class>``: NaN if absent."""

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Called by mmengine."""
        metrics = super().compute_metrics(results)
        intersect, union, *_ = (sum(areas) for areas in zip(*results, strict=True))
        names = (f'IoU_{name}' for name in self.dataset_meta['classes'])
        return {**metrics, **dict(zip(names, (100 * intersect / union).tolist(), strict=True))}


class Labelling(NamedTuple):
    """How ``make_pseudo_labels`` is called."""

    rule: LabelRule = LabelRule()
    calibrate_on: str | None = None
    decided: float = 1.0


class Pipeline:
    """One classifier's way to a segmenter, in a folder of its own; each stage is done once.

    The photos to be labelled are those that the classifier was trained on, with the transforms of its test data. Masks
    of theirs, where there are some, only measure the labels.

    Args:
        classifier: config; its file name is that of the folder.
        segmenter: config, which is trained on the labels.
        work_dir: where the folder is.
        labelling: how labels are made.
        seed: of both trainings.
        workers: processes that write labels.
        crf: evaluate the segmenter behind a dense CRF as well.
        segmenter_options: settings of the segmenter to override.
        attention_options: settings of the classifier's ``AttentionHook`` to override, as ``{'flip': False}``.

    Raises:
        ValueError: ``attention_options`` for a classifier without ``default_hooks.attention``, or one that trains from
            a stream, which no labels can be made for.

    """

    def __init__(
        self,
        classifier: Path,
        segmenter: Path,
        work_dir: Path,
        labelling: Labelling | None = None,
        *,
        seed: int = 0,
        workers: int = 1,
        crf: bool = False,
        segmenter_options: dict[str, Any] | None = None,
        attention_options: dict[str, Any] | None = None,
    ) -> None:
        self.classifier, self.segmenter = (_seeded(path, seed) for path in (classifier, segmenter))
        if any(map(is_stream, sources_of(self.classifier.train_dataloader.dataset))):
            raise ValueError(
                f'{classifier} trains from a stream, and labels are made for lists: label one by gain-plugin labels, '
                'and train the segmenter on that'
            )
        self.segmenter.merge_from_dict(segmenter_options or {})
        self.classifier.merge_from_dict(_of_attention(self.classifier, attention_options or {}))
        self.labelling = labelling or Labelling()
        self.crf = crf
        self.workers = workers
        self.first: Pipeline | None = None
        self._settle(work_dir / Path(classifier).stem)

    def further(self, *, labels: bool) -> 'Pipeline':
        """The same after further steps of the classifier, with the labels of this one as its masks or without.

        It needs the classifier and the labels of this one: run this one first.

        Args:
            labels: take the labels; the folder is then ``<name>_round2``, else ``<name>_longer``.

        """
        other = copy.copy(self)
        other.first = self
        other.segmenter = copy.deepcopy(self.segmenter)
        own = self.folder / 'labels'
        other.classifier = second_round(self.classifier, own) if labels else further_steps(self.classifier)
        other._settle(self.folder.with_name(f'{self.folder.name}_{"round2" if labels else "longer"}'))
        return other

    def _settle(self, folder: Path) -> None:
        self.folder = folder
        self.segmenter.train_dataloader.dataset.data_prefix.seg_map_path = str((folder / 'labels').absolute())

    def run(self) -> dict[str, dict[str, Any]]:
        """The figures of every stage and its minutes, as ``stages.json`` keeps them."""
        done = self.folder / 'stages.json'
        keep_same(self.folder / 'settings.json', self.settings())
        results = read_json(done) if done.exists() else {}
        for stage in STAGES:
            if stage in results:
                continue
            begin = time.time()
            figures = getattr(self, f'make_{stage}')()
            results[stage] = {**figures, 'minutes': (time.time() - begin) / 60}
            write_json(done, results)
        return results

    def settings(self) -> dict[str, Any]:
        """All that the figures depend on."""
        rule, *calibration = self.labelling
        return {
            'classifier': training_settings(self.classifier),
            'attention': self.classifier.default_hooks.get('attention'),
            'labels': {**rule._asdict(), **dict(zip(Labelling._fields[1:], calibration, strict=True))},
            'segmenter': training_settings(self.segmenter),
            'test': self.segmenter.test_dataloader,
            'crf': self.crf,
        }

    def make_classifier(self) -> dict[str, Any]:
        """Train the classifier; a further one goes on from the last checkpoint of the first."""
        last = self.folder / 'classifier/last_checkpoint'
        if self.first is not None and not last.exists():
            last.parent.mkdir(parents=True, exist_ok=True)
            start = (self.first.folder / 'classifier/last_checkpoint').read_bytes()
            write_atomically(last, lambda file: file.write(start))
        train(copy.deepcopy(self.classifier), last.parent)
        return {}

    def make_labels(self) -> dict[str, Any]:
        """Label the photos that it was trained on."""
        cfg = copy.deepcopy(self.classifier)
        cfg.test_dataloader.dataset = photos_to_label((self.first or self).classifier)
        checkpoint = (self.folder / 'classifier/last_checkpoint').read_text()
        report = make_pseudo_labels(
            cfg,
            checkpoint,
            self.folder / 'labels',
            self.labelling.rule,
            self.workers,
            self.labelling.calibrate_on,
            self.labelling.decided,
        )
        if report.failed:
            raise ValueError(f'no labels for {report.failed}: mend these images or take them off the list')
        return report.metrics | ({'calibration': report.calibration._asdict()} if report.calibration else {})

    def make_segmenter(self) -> dict[str, Any]:
        """Train the segmenter on the labels."""
        train(self.segmenter, self.folder / 'segmenter')
        return {}

    def make_evaluation(self) -> dict[str, float]:
        """Test the segmenter."""
        figures = self._test(())
        return {**figures, 'mIoU_crf': self._test(({'type': 'CRFHook'},))['mIoU']} if self.crf else figures

    def _test(self, hooks: tuple[dict, ...]) -> dict[str, float]:
        """IoU by mmseg, with hooks of its own."""
        cfg = self.segmenter.copy()
        cfg.update(
            work_dir=str(self.folder / 'segmenter'),
            load_from=(self.folder / 'segmenter/last_checkpoint').read_text(),
            resume=False,
            custom_hooks=[*cfg.get('custom_hooks', []), *hooks],
        )
        cfg.update(val_dataloader=None, val_cfg=None, val_evaluator=None)
        for evaluator in cfg.test_evaluator if isinstance(cfg.test_evaluator, list) else [cfg.test_evaluator]:
            if evaluator['type'] == 'IoUMetric':
                evaluator['type'] = 'ClassIoU'
        return {name: float(value) for name, value in QuietRunner.from_cfg(cfg).test().items()}  # from NumPy


def _seeded(path: Path, seed: int) -> Config:
    cfg = Config.fromfile(path)
    cfg.randomness = {**cfg.get('randomness', {}), 'seed': seed}
    return cfg


def _of_attention(cfg: Config, options: dict[str, Any]) -> dict[str, Any]:
    if options and 'attention' not in cfg.get('default_hooks', {}):
        raise ValueError(
            f"{cfg.filename} has no AttentionHook: add default_hooks=dict(attention=dict(type='AttentionHook', ...))"
        )
    return {f'default_hooks.attention.{name}': value for name, value in options.items()}


def photos_to_label(cfg: Config) -> dict[str, Any]:
    """Config of the photos that a classifier was trained on, as its test data are read."""
    tested = sources_of(cfg.test_dataloader.dataset)[0]
    sources = []
    for source in sources_of(cfg.train_dataloader.dataset):
        own = {**source, 'pipeline': tested.pipeline, 'test_mode': True}
        if is_tagged_photos(source):
            own['masks'] = 'found' if _has_masks(own) else 'none'
        sources.append(own)
    return sources[0] if len(sources) == 1 else {'type': 'ConcatDataset', 'datasets': sources}


def _has_masks(settings: dict[str, Any]) -> bool:
    named = (settings.get('data_prefix') or {}).get('seg_map_path')
    return any(Path(settings['data_root'], name).is_dir() for name in ([named] if named else MASK_FOLDERS))
