"""The report: one HTML page that needs no other file and no network."""

import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from gain_plugin.files import write_atomically
from gain_plugin.report.charts import Line, line_chart
from gain_plugin.report.runs import Run, read_runs
from gain_plugin.seeds import THRESHOLDS

FIGURES = {
    'seed_mIoU': 'seed mIoU',
    'seed_threshold': 'at threshold',
    'seed_precision': 'seed precision',
    'seed_recall': 'seed recall',
    'PxAP': 'PxAP',
    'MaxBoxAccV2': 'MaxBoxAccV2',
    'mAP': 'classifier mAP',
    'top1': 'highest score is a label',
}
CURVES = {
    'mAP': 'mAP, per cent',
    'seed_mIoU': 'seed mIoU, per cent',
    'loss': 'loss',
    'loss_cls': 'loss_cls',
    'loss_am': 'loss_am',
    'loss_ext': 'loss_ext',
    'gain/coverage': 'share of the image covered',
    'gain/score_before': 'score before erasing',
    'gain/score_after': 'score after erasing',
    'gain/dead_maps': 'share of dead maps',
    'gain/alpha': 'alpha',
}


def write_report(work_dirs: Sequence[str | Path], out: str | Path) -> None:
    """Write a page that shows runs side by side. Needs Jinja2 and matplotlib: ``pip install 'gain_plugin[report]'``.

    It has the figures of the last evaluations, the seeds' curve over the thresholds, all by class, what the logs say
    over the steps, and the photos with the maps of every run, the worst first.

    Args:
        work_dirs: one a run; the first is what the others are compared with. ``ReportData`` leaves what is shown of
            the photos there.
        out: the page; its folder is made if need be.

    Raises:
        ValueError: work directories as in ``read_runs``.

    """
    from jinja2 import Environment

    runs = read_runs(work_dirs)
    here = files('gain_plugin.report')
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    text = environment.from_string((here / 'page.html').read_text()).render(
        runs=runs,
        style=(here / 'page.css').read_text(),
        script=(here / 'page.js').read_text(),
        figures=_table(runs, FIGURES),
        classes=_class_tables(runs),
        thresholds=_threshold_charts(runs),
        charts=_log_charts(runs),
        gallery=gallery(runs),
    )
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, lambda file: file.write(text.encode()))


def gallery(runs: Sequence[Run]) -> dict[str, Any]:
    """What the page's script shows: the names of runs and classes, and each pair of a photo and one of its classes.

    A pair has its ``iou``, ``coverage``, ``score`` and ``map`` by run, None where a run has not seen it.
    """
    photos = {name: photo for run in reversed(runs) for name, photo in run.photos.items()}
    pairs = []
    for name in photos:
        by_run = [{pair['class']: pair for pair in run.photos.get(name, {}).get('pairs', ())} for run in runs]
        for cls in {cls: cls for own in by_run for cls in own}:
            own = [found.get(cls) for found in by_run]
            shown = {'truth': _first(own, 'truth'), 'runs': [_shown(one) for one in own]}
            pairs.append({'photo': name, 'class': cls, **shown})
    names = {name: photo['photo'] for name, photo in photos.items()}
    classes = sorted({pair['class'] for pair in pairs})
    return {'runs': [run.name for run in runs], 'classes': classes, 'photos': names, 'pairs': pairs}


def _first(pairs: Sequence[dict[str, Any] | None], name: str) -> Any:
    return next((pair[name] for pair in pairs if pair and name in pair), None)


def _shown(pair: dict[str, Any] | None) -> dict[str, Any] | None:
    return pair and {name: pair.get(name) for name in ('map', 'score', 'coverage', 'iou')}


def _table(runs: Sequence[Run], titles: dict[str, str]) -> list[tuple[str, list[str]]]:
    """Rows of a table with a column a run; rows that no run has are left out."""
    rows = [(title, [run.metrics.get(name) for run in runs]) for name, title in titles.items()]
    return [(title, [_cell(value) for value in values]) for title, values in rows if any(v is not None for v in values)]


def _cell(value: float | None) -> str:
    if value is None:
        return ''
    return f'{value:.2f}' if 0 < value < 1 else f'{value:.1f}'


def _class_tables(runs: Sequence[Run]) -> list[tuple[str, list[tuple[str, list[str]]]]]:
    tables = []
    for prefix, title in (('seed_IoU_', 'IoU of the seeds'), ('AP_', 'average precision of the classifier')):
        names = {name: name.removeprefix(prefix) for run in runs for name in run.metrics if name.startswith(prefix)}
        tables.append((title, _table(runs, names)))
    return [(title, rows) for title, rows in tables if rows]


def _threshold_charts(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """Titles and SVGs, if any run has masks."""
    if not any(run.curve for run in runs):
        return []
    charts = []
    for name in ('mIoU', 'precision', 'recall'):
        lines = {run.name: _over_thresholds(run.curve, name) if run.curve else None for run in runs}
        charts.append((f'{name} of the seeds over the threshold', line_chart(lines, 'threshold', f'{name}, per cent')))
    return charts


def _over_thresholds(curve: dict[str, list[float | None]], name: str) -> Line:
    """The line, marked at the threshold with the best mIoU."""
    values = [-1.0 if value is None else value for value in curve['mIoU']]
    best = values.index(max(values))
    return Line(THRESHOLDS.tolist(), curve[name], (float(THRESHOLDS[best]), curve[name][best] or 0.0))


def _log_charts(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """Titles and SVGs of what was logged."""
    others = {name for run in runs for name in run.series if re.match(r'loss_|gain/', name)} - set(CURVES)
    charts = []
    for name, title in {**CURVES, **{name: name for name in sorted(others)}}.items():
        if any(name in run.series for run in runs):
            lines = {run.name: Line(*run.series[name]) if name in run.series else None for run in runs}
            charts.append((title, line_chart(lines, 'step', title)))
    return charts
