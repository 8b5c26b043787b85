import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFIG = """
_base_ = '{root}/configs/synthetic/{name}.py'
start = 1
train_cfg = dict(max_iters=2)
train_dataloader = dict(batch_size=4, dataset=dict(count=8))
test_dataloader = dict(dataset=dict(count=8))
"""


@pytest.fixture(autouse=True)
def tools(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / 'tools')


def test_mean_and_spread_of_what_every_row_has():
    from evidence_tables import table

    rows = [
        {'method': 'better', 'a': 3.0, 'b': 1.0},
        {'method': 'worse', 'a': 1.0, 'b': None},
        {'method': 'better', 'a': 5.0, 'b': None},
    ]
    assert table(rows, {'a': 'A', 'b': 'B', 'c': 'C'}).splitlines() == [
        '| method | seeds | A | B |',
        '| --- | --- | --- | --- |',
        '| `worse` | 1 | 1.0 |  |',
        '| `better` | 2 | 4.0 ± 1.4 |  |',
    ]


def test_ratios_of_runs_stand_beside_each_other(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / 'tools/benchmark')
    monkeypatch.chdir(tmp_path)
    Path('docs').mkdir()
    import ratios
    from evidence_tables import ratios as tables

    first = ratios.row('step', 'vgg16', 'shared, 1', [1.1, 1.3, 1.2], 'a machine')
    assert ratios.cell(first) == '1.20 (1.10 to 1.30)'
    ratios.keep([first])
    again = ratios.row('step', 'vgg16', 'shared, 1', [1.4, 1.2, 1.0], 'a machine')
    other = ratios.row('step', 'resnet50', 'frozen, 1', [1.0], 'a machine')
    assert ratios.cell(again) == '1.20 (1.00 to 1.40), before 1.20'
    assert ratios.cell(other) == '1.00 (1.00 to 1.00)'
    ratios.keep([again, other])
    assert dict(tables(ratios.ROWS))['step'].splitlines() == [
        '|  | shared, 1 | frozen, 1 |',
        '| --- | --- | --- |',
        '| vgg16 | 1.20, 1.20 (1.00 to 1.40) |  |',
        '| resnet50 |  | 1.00 (1.00 to 1.00) |',
    ]


def test_a_table_takes_the_place_of_the_one_before():
    from evidence_tables import put

    text = 'a\n<!-- x -->\n<!-- end of x -->\n<!-- x, y -->\nold\n<!-- end of x, y -->\n'
    once = put(text, 'x', '|1|')
    assert once == 'a\n<!-- x -->\n|1|\n<!-- end of x -->\n<!-- x, y -->\nold\n<!-- end of x, y -->\n'
    assert put(put(text, 'x', '|0|'), 'x', '|1|') == once


def test_rows_go_on_from_one_start_and_are_made_once(tmp_path, monkeypatch):
    from evidence import main

    (tmp_path / 'set').mkdir()
    for name in ('plain', 'gain'):
        (tmp_path / f'set/{name}.py').write_text(CONFIG.format(root=ROOT, name=name))
    (tmp_path / 'set/gain.py').write_text(
        CONFIG.format(root=ROOT, name='gain')
        + 'default_hooks = dict(gain=dict(warmup=1, ramp=0, loss=dict(alpha=1.0)))\n'
    )
    paths = [str(tmp_path / f'set/{name}.py') for name in ('plain', 'gain')]
    results, work = tmp_path / 'mine/rows.json', tmp_path / 'work'
    arguments = [*paths, '--seeds', '0', '--results', str(results), '--work-dir', str(work)]
    monkeypatch.setattr(sys, 'argv', ['evidence.py', *arguments])
    main()
    first = results.read_text()
    rows = {row['method']: row for row in json.loads(first)}
    assert sorted(rows) == ['blob', 'gain', 'grid', 'plain']
    assert (rows['plain']['steps'], rows['plain']['passes'], rows['gain']['passes']) == (1, 1, 2)
    assert rows['grid']['seed_miou'] > rows['blob']['seed_miou']
    starts = [(work / 'set' / f'{name}_0' / 'last_checkpoint').read_text() for name in ('plain', 'gain')]
    assert all(path.endswith('iter_2.pth') for path in starts)
    assert [path.name for path in (work / 'set/start_0').glob('*.pth')] == ['iter_1.pth']
    main()
    assert results.read_text() == first
