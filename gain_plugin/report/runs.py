"""What finished runs have left in their work directories."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Run:
    """One work directory: mmengine's ``scalars.json`` files and the ``report.json`` of the last evaluation."""

    name: str
    """As the page calls it, unlike that of any other run of the page."""
    classes: list[str] = field(default_factory=list)
    metrics: dict[str, float | None] = field(default_factory=dict)
    """Figures of the last evaluation; None for what cannot be computed, as without masks."""
    curve: dict[str, list[float | None]] | None = None
    """``mIoU``, ``precision`` and ``recall`` of the seeds at each of ``THRESHOLDS``, in per cent."""
    photos: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Photos of the evaluation by their paths, with small pictures, maps and scores."""
    series: dict[str, tuple[list[float], list[float]]] = field(default_factory=dict)
    """Steps and values of what was logged, by name."""


def read_runs(folders: Sequence[str | Path]) -> list[Run]:
    """The runs of work directories.

    Raises:
        ValueError: no folder, one twice, or one without logs and without ``report.json``; names it and what to do.

    """
    paths = [Path(folder) for folder in folders]
    if not paths:
        raise ValueError('a report needs at least one work directory')
    if len({path.resolve() for path in paths}) < len(paths):
        raise ValueError(f'a work directory is named twice: {", ".join(map(str, paths))}')
    return [_read_run(path, name) for path, name in zip(paths, _names(paths), strict=True)]


def _read_run(folder: Path, name: str) -> Run:
    if not folder.is_dir():
        raise ValueError(f'there is no work directory {folder}')
    logs = sorted(folder.glob('*/vis_data/scalars.json'))  # a folder a start, by its time
    data = folder / 'report.json'
    if not logs and not data.exists():
        raise ValueError(f'{folder} has neither a log nor a report.json: train or test with it as --work-dir')
    run = Run(name, series=_series(logs))
    if data.exists():
        run.classes, run.metrics, run.curve, photos = _fields(data)
        run.photos = {photo['name']: photo for photo in photos}
    return run


def _fields(path: Path) -> tuple[list[str], dict[str, float | None], Any, list[dict[str, Any]]]:
    try:
        content = json.loads(path.read_text())
        return content['classes'], content['metrics'], content['curve'], content['photos']
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{path} is not what ReportData writes ({error!r}): evaluate the run again') from error


def _series(logs: Sequence[Path]) -> dict[str, tuple[list[float], list[float]]]:
    """What was logged over the steps; where a run went on from an earlier step, the later start counts."""
    values: dict[str, dict[int, float]] = {}
    for log in logs:
        entries = [json.loads(line) for line in log.read_text().splitlines() if line.strip()]
        first = min((entry['step'] for entry in entries if 'step' in entry), default=None)
        if first is None:
            continue
        for points in values.values():
            for step in [step for step in points if step >= first]:
                del points[step]
        for entry in entries:
            for name, value in entry.items():
                if isinstance(value, (int, float)) and value == value:  # NaN is unlike itself
                    values.setdefault(name, {})[entry['step']] = value
    return {name: (sorted(points), [points[step] for step in sorted(points)]) for name, points in values.items()}


def _names(paths: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that tell them apart."""
    parts = [path.resolve().parts for path in paths]
    for length in range(1, max(map(len, parts)) + 1):
        names = ['/'.join(own[-length:]) for own in parts]
        if len(set(names)) == len(names):
            break
    return names
