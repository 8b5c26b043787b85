"""docs/pytorch.md and the pages of docs/frameworks, from top to bottom, in an empty folder."""

import ast
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / 'docs'
pytestmark = [
    pytest.mark.filterwarnings('ignore::FutureWarning'),
    pytest.mark.filterwarnings('ignore::DeprecationWarning'),
    pytest.mark.filterwarnings("ignore:'pin_memory' argument:UserWarning"),
    pytest.mark.filterwarnings('ignore::UserWarning:lightning'),
]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, value in (('RANK', '0'), ('WORLD_SIZE', '1'), ('MASTER_ADDR', '127.0.0.1'), ('MASTER_PORT', '0')):
        monkeypatch.setenv(name, value)  # as torchrun does

    def run(page, *packages):
        """What the page's code leaves; skipped where one of its packages is not installed."""
        for package in packages:
            pytest.importorskip(package, reason=f'{page} needs {package}: pip install it to run the page')
        names = {}
        for code in re.findall(r'```python\n(.*?)```', (DOCS / page).read_text(), re.DOTALL):
            exec(compile(code, page, 'exec'), names)
        return names

    return run


def shown(page):
    """The value that a block of the page without a language shows."""
    (text,) = re.findall(r'```\n(\{.*?\})\n```', (DOCS / page).read_text())
    return ast.literal_eval(text)


def test_pytorch(run):
    names = run('pytorch.md', 'torchvision', 'accelerate')
    assert set(names['losses']) == {'loss_am'} and names['trained'] is names['classifier']
    assert len(names['maps']) == names['labels'].sum()


def test_torchvision(run):
    names = run('frameworks/torchvision.md', 'torchvision')
    assert names['losses']['loss_am'] > 0 and len(names['maps']) == 4
    assert names['layers'] == shown('frameworks/torchvision.md')


def test_lightning(run):
    names = run('frameworks/lightning.md', 'lightning', 'timm')
    logged = names['module'].trainer.callback_metrics
    assert logged['loss_am'] > 0 and logged['val_loss_am'] > 0
    plain = names['plain']
    assert names['callback'].gain.health and not hasattr(plain, 'gain')
    assert plain.training_step.__func__ is names['Plain'].training_step


def test_transformers(run):
    names = run('frameworks/transformers.md', 'transformers', 'accelerate')
    assert names['losses']['loss_am'] > 0
    assert names['maps'].shape[1:] == (8, 8)
    assert names['shapes'] == shown('frameworks/transformers.md')
    assert names['trainer'].state.global_step == 2 and names['metrics']['eval_loss'] > 0


def test_smp(run):
    names = run('frameworks/smp.md', 'segmentation_models_pytorch')
    assert names['losses']['loss_am'] > 0
    assert names['maps'].shape[1:] == (2, 2)
    assert names['network'].decoder.blocks[0].conv1[0].weight.grad is not None


def test_timm(run):
    names = run('frameworks/timm.md', 'timm', 'torchvision')
    assert set(names['result']) == {'loss', 'output', 'loss_am'}
    assert names['losses']['loss_am'] > 0
