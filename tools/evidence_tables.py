"""Put the tables of ``docs/results.json`` into ``docs/evidence.md``: ``python tools/evidence_tables.py``.

The gain over the number of masks goes into ``docs/masks.png``, the labels over their threshold into
``docs/thresholds.png``, the ratios of ``docs/benchmarks.json`` into ``docs/performance.md``. ``--results``
takes another file of rows, whose tables are printed alone.
"""

import argparse
import json
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt

from gain_plugin.files import write_atomically

RESULTS = Path('docs/results.json')
REPORT = Path('docs/evidence.md')
BENCHMARKS, PERFORMANCE = Path('docs/benchmarks.json'), Path('docs/performance.md')
COLUMNS = {
    'miou': 'segmenter',
    'miou_refined': 'behind a CRF',
    'miou_782': 'on 782 photos',
    'miou_679': 'on 679 photos',
    'label_miou': 'labels',
    'label_miou_otsu': 'Otsu',
    'label_miou_030': 'threshold 0.30',
    'label_miou_best': 'best threshold',
    'label_miou_each': 'best of each',
    'seed_miou': 'seed mIoU',
    'seed_miou_single': 'single scale',
    'pxap': 'PxAP',
    'max_box_acc_v2': 'MaxBoxAccV2',
    'precision': 'precision',
    'recall': 'recall',
    'map': 'mAP',
    'worst': 'worst group',
    'misleading': 'misleading places',
    'top1': 'accuracy',
    'inside': 'of the map on the animal',
}
MASKS = ('0', '63 (2 %)', '146 (5 %)', '437 (14 %)')
CURVES = {  # seed mIoU of voc_animals over MASKS
    'masks alone': ('plain', 'ext_2', 'ext_5', 'ext_all'),
    'masks and self-guidance': ('gain', 'gain_ext_2', 'gain_ext_5', 'gain_ext_all'),
}
BY_CLASS = 0  # the seed of the tables by class


def saved(results: Path) -> list[dict]:
    """The rows that are there."""
    return json.loads(results.read_text())


def table(rows: list[dict], columns: dict[str, str]) -> str:
    """Mean and, over several seeds, standard deviation of every method, the lowest first, in Markdown."""
    shown = {name: title for name, title in columns.items() if any(row.get(name) is not None for row in rows)}
    lines = [['method', 'seeds', *shown.values()], ['---'] * (2 + len(shown))]
    first = next(iter(shown))
    names = dict.fromkeys(row['method'] for row in rows)
    grouped = {name: [row for row in rows if row['method'] == name] for name in names}
    for method, own in sorted(grouped.items(), key=lambda item: statistics.mean(row[first] for row in item[1])):
        lines.append([f'`{method}`', str(len(own)), *(mean_and_spread(own, name) for name in shown)])
    return markdown(lines)


def markdown(lines: list[list[str]]) -> str:
    """A table of cells."""
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def mean_and_spread(rows: list[dict], name: str) -> str:
    """One cell, empty unless every row has the figure."""
    values = [row[name] for row in rows if row.get(name) is not None]
    if len(values) < len(rows):
        return ''
    spread = f' ± {statistics.stdev(values):.1f}' if len(values) > 1 else ''
    return f'{statistics.mean(values):.1f}{spread}'


def tables(results: Path) -> Iterator[tuple[str, str]]:
    """Names and tables: all figures of each data set, and the IoU by class of one seed."""
    for data in dict.fromkeys(row['data'] for row in saved(results)):
        rows = [row for row in saved(results) if row['data'] == data]
        yield data, table(rows, COLUMNS)
        rows = [{'method': row['method'], **row['iou']} for row in rows if row['seed'] == BY_CLASS and row.get('iou')]
        classes = {name: name for row in rows for name in row if name != 'method'}
        if rows:
            yield f'{data}, classes', table(rows, classes)


def ratios(benchmarks: Path) -> Iterator[tuple[str, str]]:
    """Name and table of each benchmark, a row a network: the medians of all runs, the oldest first, and their range."""
    for name in dict.fromkeys(row['benchmark'] for row in saved(benchmarks)):
        rows = [row for row in saved(benchmarks) if row['benchmark'] == name]
        settings = list(dict.fromkeys(row['setting'] for row in rows))
        lines = [['', *settings], ['---'] * (1 + len(settings))]
        for network in dict.fromkeys(row['network'] for row in rows):
            own = [row for row in rows if row['network'] == network]
            lines.append([network, *(runs([row for row in own if row['setting'] == setting]) for setting in settings)])
        yield name, markdown(lines)


def runs(rows: list[dict]) -> str:
    """One cell: the medians, and from the lowest to the highest repetition."""
    if not rows:
        return ''
    medians = ', '.join(f'{row["median"]:.2f}' for row in rows)
    return f'{medians} ({min(row["low"] for row in rows):.2f} to {max(row["high"] for row in rows):.2f})'


def write_report(report: Path, contents: Iterator[tuple[str, str]]) -> None:
    """Put the tables between their marks in the report."""
    text = report.read_text()
    for name, content in contents:
        if f'<!-- {name} -->' in text:
            text = put(text, name, content)
    write_atomically(report, lambda file: file.write(text.encode()))


def put(text: str, name: str, content: str) -> str:
    """The text with the content between the marks of that name."""
    begin, end = f'<!-- {name} -->', f'<!-- end of {name} -->'
    return re.sub(f'{begin}.*?{end}', lambda _: f'{begin}\n{content}\n{end}', text, flags=re.DOTALL)


def draw_curves(results: Path) -> None:
    """Means over the seeds that every method of the curves has."""
    rows = {(row['method'], row['seed']): row['seed_miou'] for row in saved(results) if row['data'] == 'voc_animals'}
    wanted = [method for methods in CURVES.values() for method in methods]
    seeds = [seed for seed in range(3) if all((method, seed) in rows for method in wanted)]
    if not seeds:
        return
    figure, axis = plt.subplots(figsize=(5, 3.5))
    for name, methods in CURVES.items():
        means = [statistics.mean(rows[method, seed] for seed in seeds) for method in methods]
        axis.plot(MASKS, means, 'o-', label=name)
    axis.set(xlabel='masks, of 3,129 photos', ylabel='seed mIoU, per cent', title=f'seeds: {seeds}')
    axis.legend()
    figure.tight_layout()
    write_atomically(REPORT.with_name('masks.png'), lambda file: figure.savefig(file, dpi=100))


def draw_thresholds(results: Path) -> None:
    """The mIoU of labels at each threshold, with the one that a few masks chose and what Otsu's gives."""
    rows = [row for row in saved(results) if row['data'] == 'voc_animals_labels' and 'curve' in row]
    methods = ('plain', 'gain', 'plain affinity pamr', 'gain affinity pamr')
    figure, axis = plt.subplots(figsize=(6, 4))
    for row in rows:
        if row['seed'] != BY_CLASS or row['method'] not in methods:
            continue
        (line,) = axis.plot(row['curve'], label=row['method'])
        axis.plot(row['threshold'], row['label_miou'], 'o', color=line.get_color())
        axis.axhline(row['label_miou_otsu'], linestyle=':', color=line.get_color())
    axis.set(xlabel='threshold, per cent', ylabel='mIoU of the labels, per cent', title=f'seed {BY_CLASS}')
    axis.legend()
    figure.tight_layout()
    write_atomically(REPORT.with_name('thresholds.png'), lambda file: figure.savefig(file, dpi=100))


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--results', type=Path, default=RESULTS, help='file of the rows')
    args = parser.parse_args()
    for name, content in tables(args.results):
        print(f'{name}\n{content}')
    if args.results == RESULTS:
        write_report(REPORT, tables(RESULTS))
        write_report(PERFORMANCE, ratios(BENCHMARKS))
        draw_curves(RESULTS)
        draw_thresholds(RESULTS)


if __name__ == '__main__':
    main()
