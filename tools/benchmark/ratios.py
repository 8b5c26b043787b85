"""Ratios of the benchmarks: those in ``docs/benchmarks.json``, beside which new ones are shown.

    python tools/benchmark/step.py --keep
    python tools/benchmark/extract.py --keep
    python tools/evidence_tables.py

The last one puts the medians of all runs into ``docs/performance.md``.
"""

import datetime
import json
import statistics
from collections.abc import Iterable
from pathlib import Path

from gain_plugin.files import write_atomically

ROWS = Path('docs/benchmarks.json')


def row(benchmark: str, network: str, setting: str, ratios: Iterable[float], machine: str) -> dict:
    """What is kept of the repetitions of one setting."""
    values = sorted(ratios)
    figures = {'median': statistics.median(values), 'low': values[0], 'high': values[-1]}
    return {
        'benchmark': benchmark,
        'network': network,
        'setting': setting,
        'taken': datetime.datetime.now().isoformat(timespec='minutes'),
        'machine': machine,
        'repeats': len(values),
        **{name: round(value, 3) for name, value in figures.items()},
    }


def kept() -> list[dict]:
    """The rows of all runs, the oldest first."""
    return json.loads(ROWS.read_text()) if ROWS.exists() else []


def keep(rows: list[dict]) -> None:
    """Add rows to those of earlier runs."""
    lines = ',\n'.join(json.dumps(one) for one in [*kept(), *rows])
    write_atomically(ROWS, lambda file: file.write(f'[\n{lines}\n]\n'.encode()))


def cell(measured: dict) -> str:
    """A ratio with its range, and the medians of earlier runs, by which a change for the worse is seen."""
    same = (row for row in kept() if all(row[name] == measured[name] for name in ('benchmark', 'network', 'setting')))
    earlier = ', '.join(f'{row["median"]:.2f}' for row in same)
    text = '{median:.2f} ({low:.2f} to {high:.2f})'.format(**measured)
    return f'{text}, before {earlier}' if earlier else text
