import json

import pytest
from click.testing import CliRunner

from gain_plugin.commands import main


@pytest.fixture
def work_dir(tmp_path):
    content = {'classes': ['cat'], 'metrics': {'mAP': 91.25}, 'curve': None, 'photos': []}
    (tmp_path / 'report.json').write_text(json.dumps(content))
    return tmp_path


def test_writes_the_page_and_says_where(work_dir):
    result = CliRunner().invoke(main, ['report', str(work_dir), '--out', str(work_dir / 'page.html')])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f'{work_dir / "page.html"}: ')
    assert '91.2' in (work_dir / 'page.html').read_text()
    quiet = CliRunner().invoke(main, ['report', str(work_dir), '--out', str(work_dir / 'page.html'), '-q'])
    assert quiet.output == ''


def test_a_folder_that_is_no_run_is_one_sentence(tmp_path):
    result = CliRunner().invoke(main, ['report', str(tmp_path), '--out', str(tmp_path / 'page.html')])
    assert result.exit_code == 1
    assert 'has neither a log nor a report.json' in result.stderr
