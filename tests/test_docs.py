import json
import re
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATA_SAMPLERS, DATASETS, HOOKS, METRICS, MODELS, TRANSFORMS
from mmengine.runner import Runner
from torch.utils.data import DataLoader

import gain_plugin.mm
import gain_plugin.readers
import gain_plugin.writers
from gain_plugin.commands import main
from gain_plugin.pseudo_labels.files import read_regions

DOCS = Path(__file__).parents[1] / 'docs'

REGISTRIES = (HOOKS, MODELS, DATASETS, METRICS, TRANSFORMS, DATA_SAMPLERS)


def blocks(page: str) -> list[str]:
    return re.findall(r'```python\n(.*?)```', (DOCS / page).read_text(), re.DOTALL)


@pytest.fixture
def data() -> dict:
    images, labels = torch.randn(4, 3, 64, 64), torch.tensor([[1.0, 0], [0, 1], [1, 1], [0, 0]])
    return {'images': images, 'labels': labels}


@pytest.mark.parametrize('code', blocks('attach.md'))
def test_code_of_the_page_runs(code, data):
    exec(compile(code, 'attach.md', 'exec'), data)


def test_the_page_on_extending_runs_from_top_to_bottom():
    names: dict = {}
    for code in blocks('extending.md'):
        exec(compile(code, 'extending.md', 'exec'), names)
    assert names['maps'].shape == (3, 3, 3)
    assert set(names['losses']) == {'loss_am'}
    assert names['counts'] == {'photos': 1, 'untagged': 0, 'masks': 0}
    assert set(names['pixels'].unique().tolist()) == {0, 1, 3, 255}
    rows = [[1, 1, 1, 1, 0, 0]]
    assert read_regions(names['root'] / 'photo.png').tolist() == [[0] * 6, *rows, [1, 2, 2, 1, 0, 0], *rows]


def test_the_page_on_health_runs_from_top_to_bottom():
    names: dict = {}
    for code in blocks('health.md'):
        exec(compile(code, 'health.md', 'exec'), names)
    drawn = []
    logger = SimpleNamespace(experiment=SimpleNamespace(add_image=lambda *given: drawn.append(given)))
    module = SimpleNamespace(model=names['model'], device='cpu')
    callback = names['Erasures'](names['images'], names['labels'], interval=2)
    for step in (1, 2):
        callback.on_train_batch_end(SimpleNamespace(global_step=step, logger=logger), module, None, None, 0)
    assert [(name, step) for name, _, step in drawn] == [('erased', 2)]
    assert names['model'].training


@pytest.mark.filterwarnings('ignore')
def test_mmpretrain_is_guided_by_two_lines(tmp_path, data):
    samples = pytest.importorskip('mmpretrain.structures')
    code, softmax = blocks('frameworks/mmpretrain.md')
    cfg = Config.fromstring(code, '.py')
    assert HOOKS.build(Config.fromstring(softmax, '.py').custom_hooks[0])
    batch = [
        {'inputs': image, 'data_samples': samples.DataSample().set_gt_label(label.nonzero()[:, 0].tolist())}
        for image, label in zip(data['images'], data['labels'], strict=True)
    ]
    runner = Runner(
        cfg.model,
        str(tmp_path),
        train_dataloader=DataLoader(batch, batch_size=4, collate_fn=pseudo_collate),
        train_cfg={'by_epoch': True, 'max_epochs': 1},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.01}},
        custom_hooks=cfg.custom_hooks,
        default_scope=cfg.default_scope,
        experiment_name='mmpretrain',
    )
    keys = list(runner.model.state_dict())
    runner.train()
    assert runner.message_hub.get_scalar('train/loss_am').current() > 0
    assert list(runner.model.state_dict()) == keys


def test_the_readme_runs_as_printed():
    text = (DOCS.parent / 'README.md').read_text()
    (code,) = (block for block in re.findall(r'```python\n(.*?)```', text, re.DOTALL) if 'custom_imports' not in block)
    names: dict = {}
    exec(compile(code, 'README.md', 'exec'), names)
    assert set(names['losses']) == {'loss_am'}
    assert names['maps'].shape == (int(names['labels'].sum()), 3, 3)


@pytest.mark.parametrize('page', ['index.md', 'how_it_works.md'])
def test_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {'__name__': page}
    for code in blocks(page):
        exec(compile(code, page, 'exec'), names)


def test_the_loop_of_the_page_on_streams_runs(tmp_path, monkeypatch):
    """On the shards that the page makes; what reads these there are other libraries' functions."""
    monkeypatch.chdir(tmp_path)
    make, *_, loop, config = blocks('streams.md')
    names: dict = {}
    exec(compile(make, 'streams.md', 'exec'), names)
    names['stream'] = lambda: [
        {'image': path.read_bytes(), 'labels': json.loads(path.with_suffix('.json').read_text())['labels']}
        for path in sorted(tmp_path.glob('*.jpg'))[-2:]  # a step
    ]
    for shard in Path('shards').iterdir():
        with tarfile.open(shard) as file:
            file.extractall(tmp_path, filter='data')
    exec(compile(loop.replace('num_workers=2', 'num_workers=0'), 'streams.md', 'exec'), names)
    assert names['losses']['loss_am'] > 0 and names['labels'].tolist() == [[0, 1, 0], [0, 0, 1]]
    (tmp_path / 'own').mkdir()
    base = f"_base_ = {str(DOCS.parent / 'configs/own_data/tags.py')!r}\nclasses = ['a', 'b', 'c']\n"
    (tmp_path / 'own/config.py').write_text(base)
    (tmp_path / 'streamed.py').write_text(config)
    loader = Config.fromfile(tmp_path / 'streamed.py').train_dataloader
    assert loader.sampler is None and len(loader.dataset.pop('pipeline')) == 4
    loader.dataset.samples = names['stream']()
    assert DATASETS.build(loader.dataset).metainfo == {'classes': ('a', 'b', 'c')}


RUN = {'attach.md', 'extending.md', 'health.md', 'index.md', 'how_it_works.md', 'streams.md'}
RUN |= {'pytorch.md'}  # test_frameworks.py
CONFIGS = ('custom_imports', '_base_', 'with read_base()', 'train_pipeline', 'log_processor', 'data_root')
REASONS = {'pipeline.md': 'MMSegInferencer'}  # needs a trained segmenter


def test_no_block_is_forgotten():
    for page in sorted(DOCS.glob('*.md')):
        left = [
            block for block in blocks(page.name) if page.name not in RUN and not any(one in block for one in CONFIGS)
        ]
        assert all(REASONS.get(page.name, '?') in block for block in left), (page.name, left)


def test_every_public_name_is_in_the_reference():
    packages = (gain_plugin, gain_plugin.mm, gain_plugin.pseudo_labels, gain_plugin.readers, gain_plugin.writers)
    text = (DOCS / 'api.md').read_text()
    entries = {entry.rsplit('.', 1)[1] for entry in re.findall(r'^::: (\S+)$', text, re.MULTILINE)}
    public = {name for package in packages for name in package.__all__}
    assert public - entries == {'WRITERS'}  # a dict, named in the text


def test_every_registered_name_is_in_the_table():
    text = (DOCS / 'mmengine.md').read_text()
    registered = {name for one in REGISTRIES for name in one.module_dict}
    ours = registered & set(gain_plugin.mm.__all__)
    assert 'GAINHook' in ours
    assert [name for name in sorted(ours) if f'`{name}`' not in text] == []


def test_every_documented_command_exists_with_its_options():
    found = 0
    for page in (DOCS.parent / 'README.md', *sorted(DOCS.rglob('*.md'))):
        text = page.read_text().replace('\\\n', ' ')
        for verb, rest in re.findall(r'gain-plugin ([a-z]+)([^`\n;|]*)', text):
            command = main.commands[verb]
            known = {name for option in command.params for name in option.opts}
            used = set(re.findall(r'(?<!\S)--[a-z-]+', rest)) - {'--help'}
            assert verb == 'convert' or used <= known, (page.name, verb, used - known)  # its options are argparse's
            found += 1
        for tool in re.findall(r'python (tools/\S+?\.py)', text):
            assert (DOCS.parent / tool).is_file(), (page.name, tool)
    assert found > 20


def test_links_of_the_readme_lead_somewhere():
    for link in re.findall(r'\]\((?!http)([^)#]+)', (DOCS.parent / 'README.md').read_text()):
        assert (DOCS.parent / link).is_file(), link
