import io
from types import SimpleNamespace

import mmengine.runner.checkpoint
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from gain_plugin.mm.console import QuietRunner
from gain_plugin.mm.loading import check_checkpoint, load_fitting, tell_of_misfits


@pytest.fixture
def cfg(tmp_path):
    cfg = Config.fromfile('configs/synthetic/plain.py')
    cfg.update(work_dir=str(tmp_path / 'work'), experiment_name=tmp_path.name)
    return cfg


def test_where_code_cannot_be_told_it_is_said(cfg, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr('gain_plugin.mm.loading.print_log', lambda text, *_: said.append(text))
    torch.save({}, tmp_path / 'weights.pth')
    monkeypatch.delattr(mmengine.runner.checkpoint, 'get_torch_safe_globals')
    monkeypatch.setattr(Runner, 'load_checkpoint', lambda *args, **options: {})  # onedl's needs what is gone
    load_fitting(Runner.from_cfg(cfg), tmp_path / 'weights.pth')
    assert said == [f'reading {tmp_path}/weights.pth may run code that it holds: load only what you trust']


def written(content, **settings):
    file = io.BytesIO()
    torch.save(content, file, **settings)
    return file.getvalue()


WEIGHTS = {'state_dict': {'a': torch.arange(1000.0)}}
WHOLE, OLD = written(WEIGHTS), written(WEIGHTS, _use_new_zipfile_serialization=False)
ONE_BIT = bytearray(WHOLE)
ONE_BIT[len(WHOLE) // 2] ^= 1


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'given.pth is empty'),
        (b'weights', 'given.pth is no checkpoint: torch.save has not written it'),
        (b'\x89PNG', 'given.pth is no checkpoint'),
        (WHOLE[:-100], 'given.pth is cut off or damaged'),
        (ONE_BIT, 'given.pth is cut off or damaged: its parts are not as their checksums say'),
        (OLD[:-100], 'given.pth is cut off or no checkpoint: RuntimeError unexpected EOF'),
        (b'\x80\x02junk', 'given.pth is cut off or no checkpoint'),
        (written([1, 2]), 'given.pth has no weights'),
        (written({'state_dict': 3}), "given.pth has no weights: neither tensors by name nor a 'state_dict' of them"),
    ],
)
def test_what_is_no_whole_checkpoint_is_called_so(tmp_path, content, message):
    path = tmp_path / 'given.pth'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        check_checkpoint(path)


@pytest.mark.parametrize('content', [WHOLE, OLD, written(WEIGHTS['state_dict'])])
def test_whole_checkpoints_of_either_form_are_taken(tmp_path, content):
    (tmp_path / 'given.pth').write_bytes(content)
    check_checkpoint(tmp_path / 'given.pth')


def test_what_a_checkpoint_does_not_have_is_told_and_one_that_has_nothing_is_refused():
    model, said = torch.nn.BatchNorm1d(2), []
    runner = SimpleNamespace(model=model, logger=SimpleNamespace(warning=said.append))
    whole = model.state_dict()
    tell_of_misfits(
        runner, 'a.pth', {f'module.{name}': value for name, value in whole.items()} | {'more': whole['bias']}
    )
    tell_of_misfits(runner, 'a.pth', {name: whole[name] for name in whole if name != 'num_batches_tracked'})
    assert said == []
    tell_of_misfits(runner, 'a.pth', {**whole, 'bias': torch.zeros(3)})
    assert said == [
        "a.pth has no weights in the shape of 1 of the 5 of the model, such as 'bias': these stay as they were built"
    ]
    with pytest.raises(ValueError, match="nothing in b.pth fits .* begins with 'fc.bias', the model with 'weight'"):
        tell_of_misfits(runner, 'b.pth', {'fc.bias': whole['bias']})


def test_a_checkpoint_of_weights_alone_is_no_training_to_go_on_with(cfg, tmp_path):
    runner = QuietRunner.from_cfg(cfg)
    torch.save({'state_dict': runner.model.state_dict()}, tmp_path / 'published.pth')
    with pytest.raises(ValueError, match="published.pth has no 'meta', .* give it as load_from="):
        runner.resume(str(tmp_path / 'published.pth'))
