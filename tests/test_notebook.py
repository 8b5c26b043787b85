from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.filterwarnings('ignore')  # of Jupyter's own
def test_the_walkthrough_runs_from_top_to_bottom(tmp_path, monkeypatch):
    """With a few steps in place of its hundreds."""
    nbclient, nbformat = pytest.importorskip('nbclient'), pytest.importorskip('nbformat')
    pytest.importorskip('ipykernel')
    notebook = nbformat.read(ROOT / 'notebooks/walkthrough.ipynb', 4)
    for cell in notebook.cells:
        cell.source = cell.source.replace(', 150', ', 2').replace('scenes(600', 'scenes(64').replace('60, s', '8, s')
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    settings = {'timeout': 300, 'kernel_name': 'python3', 'resources': {'metadata': {'path': str(tmp_path)}}}
    done = nbclient.NotebookClient(notebook, **settings).execute()
    outputs = [output for cell in done.cells if cell.cell_type == 'code' for output in cell.outputs]
    pictures = sum('image/png' in output.get('data', {}) for output in outputs)
    assert pictures == 3
    assert 'guided, 30 masks' in outputs[-1].data['text/plain']
