import errno
import fcntl
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from gain_plugin.mm.checkpoints import WholeCheckpointHook, hold_folder, newest_whole


@pytest.fixture
def cfg(tmp_path):
    cfg = Config.fromfile('configs/synthetic/plain.py')
    cfg.train_dataloader.update(batch_size=2)
    cfg.train_dataloader.dataset.count = 4
    cfg.default_hooks.checkpoint.interval = 1
    cfg.train_cfg.max_iters = 2
    cfg.update(val_dataloader=None, val_cfg=None, val_evaluator=None, work_dir=str(tmp_path / 'work'))
    cfg.experiment_name = tmp_path.name  # runs of one second and name share a message hub
    return cfg


def test_an_old_checkpoint_goes_when_the_new_one_is_there(cfg, tmp_path):
    Runner.from_cfg(cfg).train()
    assert [path.name for path in (tmp_path / 'work').glob('*.pth*')] == ['iter_2.pth']
    assert (tmp_path / 'work/last_checkpoint').read_text() == str(tmp_path / 'work/iter_2.pth')
    assert not list((tmp_path / 'work').glob('.*.part'))


def test_a_full_disk_leaves_the_old_checkpoint(cfg, tmp_path, monkeypatch):
    save = Runner.save_checkpoint

    def fail_at_second(self, out_dir, filename, **options):
        if 'iter_2' in filename:
            (tmp_path / 'work' / filename).write_bytes(b'PK half of it')
            raise OSError('No space left on device')
        return save(self, out_dir, filename, **options)

    monkeypatch.setattr(Runner, 'save_checkpoint', fail_at_second)
    with pytest.raises(OSError, match='No space left'):
        Runner.from_cfg(cfg).train()
    assert (tmp_path / 'work/last_checkpoint').read_text() == str(tmp_path / 'work/iter_1.pth')
    assert newest_whole(tmp_path / 'work') == tmp_path / 'work/iter_1.pth'


def test_the_newest_whole_one_is_taken(tmp_path, capsys):
    for step in (9, 10, 11):
        torch.save({'step': step}, tmp_path / f'iter_{step}.pth')
    (tmp_path / 'iter_11.pth').write_bytes((tmp_path / 'iter_11.pth').read_bytes()[:100])
    (tmp_path / 'iter_12.pth').touch()
    assert newest_whole(tmp_path) == tmp_path / 'iter_10.pth'
    said = capsys.readouterr().out
    assert 'iter_12.pth is missing or broken: passed over' in said
    assert f'resuming from {tmp_path / "iter_10.pth"}' in said


def test_a_named_checkpoint_elsewhere_is_taken_last(tmp_path):
    torch.save({}, tmp_path / 'start.pth')
    (tmp_path / 'work').mkdir()
    assert newest_whole(tmp_path / 'work') is None
    (tmp_path / 'work/last_checkpoint').write_text(str(tmp_path / 'start.pth'))
    assert newest_whole(tmp_path / 'work') == tmp_path / 'start.pth'
    torch.save({}, tmp_path / 'work/iter_1.pth')
    assert newest_whole(tmp_path / 'work') == tmp_path / 'work/iter_1.pth'


def test_what_a_kill_left_behind_goes_when_the_run_goes_on(cfg, tmp_path, monkeypatch):
    def killed(self, steps):
        if steps:
            raise KeyboardInterrupt

    monkeypatch.setattr(WholeCheckpointHook, '_remove', killed)
    with pytest.raises(KeyboardInterrupt):
        Runner.from_cfg(cfg).train()
    monkeypatch.undo()
    assert {path.name for path in (tmp_path / 'work').glob('*.pth')} == {'iter_1.pth', 'iter_2.pth'}
    cfg.train_cfg.max_iters, cfg.experiment_name = 3, 'goes on'
    cfg.update(resume=True, load_from=str(newest_whole(tmp_path / 'work')))
    cfg.default_hooks.checkpoint.interval = 9
    Runner.from_cfg(cfg).train()
    assert {path.name for path in (tmp_path / 'work').glob('*.pth')} == {'iter_3.pth'}


def test_a_checkpoint_that_a_kill_kept_from_being_called_the_last_is_called_so(cfg, tmp_path, monkeypatch):
    call_last = WholeCheckpointHook._call_last

    def killed(self, path, work_dir):
        if Path(path).name == 'iter_2.pth':
            raise KeyboardInterrupt
        call_last(self, path, work_dir)

    monkeypatch.setattr(WholeCheckpointHook, '_call_last', killed)
    with pytest.raises(KeyboardInterrupt):
        Runner.from_cfg(cfg).train()
    monkeypatch.undo()
    assert (tmp_path / 'work/last_checkpoint').read_text().endswith('iter_1.pth')
    cfg.update(resume=True, load_from=str(newest_whole(tmp_path / 'work')), experiment_name='goes on')
    Runner.from_cfg(cfg).train()  # there is nothing left to be done
    assert (tmp_path / 'work/last_checkpoint').read_text() == str(tmp_path / 'work/iter_2.pth')
    assert {path.name for path in (tmp_path / 'work').glob('*.pth')} == {'iter_2.pth'}


def test_a_folder_that_cannot_be_locked_is_told(tmp_path, monkeypatch):
    def flock(file, operation):
        raise OSError(errno.ENOSYS, 'Function not implemented')

    monkeypatch.setattr(fcntl, 'flock', flock)
    with pytest.warns(UserWarning, match='cannot be locked .*not implemented.*: take care that no other'):
        hold_folder(tmp_path)


def test_a_folder_in_which_another_process_trains_is_refused(tmp_path):
    with (tmp_path / '.lock').open('wb') as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ValueError, match=f'another process trains in {tmp_path}: wait for it, or take another'):
            hold_folder(tmp_path, seconds=0.2)
    hold_folder(tmp_path, seconds=0.2)
    hold_folder(tmp_path, seconds=0.2)
    with (tmp_path / '.lock').open('wb') as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
