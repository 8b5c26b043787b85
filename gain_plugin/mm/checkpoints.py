"""Checkpoints that a kill or a full disk cannot take away."""

import os
import re
import time
import warnings
import zipfile
from pathlib import Path
from typing import IO

from mmengine.dist import master_only
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from gain_plugin.files import write_atomically

try:
    import fcntl
except ImportError:  # Windows, where nothing keeps two processes from training in one folder
    fcntl = None  # type: ignore[assignment]

_HELD: dict[Path, IO[bytes]] = {}  # folders that this process trains in, until it ends


@HOOKS.register_module()
class WholeCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook``, but an old checkpoint goes only when the new one is whole and has its name.

    mmengine deletes before it writes. Here a checkpoint is written under another name, brought to the disk and renamed;
    then ``last_checkpoint`` is replaced in the same way, then what ``max_keep_ckpts`` has no room for is removed: there
    must be room for one checkpoint more. Those of ``save_best`` are written as in mmengine. While a process trains, its
    folder is locked for others.

    Raises:
        ValueError: checkpoints go to another place than a local folder, or another process trains there.

    """

    def before_train(self, runner: Runner) -> None:
        """Called by mmengine."""
        super().before_train(runner)
        if not isinstance(self.file_backend, LocalBackend):
            raise ValueError(
                f'WholeCheckpointHook writes to local folders, not {self.out_dir}: take CheckpointHook there'
            )
        hold_folder(Path(self.out_dir))
        last = Path(self.out_dir, Path(runner.message_hub.runtime_info.get('last_ckpt', '')).name)
        if last.is_file():  # resumed from: a kill may have come before it was called the last
            self._call_last(last, runner.work_dir)
        self._remove(runner.message_hub.runtime_info.get('outdated_ckpts', []))

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        name = self.filename_tmpl.format(step)
        part = f'.{name}.part'
        self.last_ckpt = str(Path(self.out_dir, name))
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        outdated = self._make_room(runner, step) if self.max_keep_ckpts > 0 else []
        runner.message_hub.update_info('outdated_ckpts', outdated)  # a kill may come before they are removed
        runner.save_checkpoint(
            self.out_dir,
            part,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        self._give_name(Path(self.out_dir, part), runner.work_dir)
        self._remove(outdated)

    @master_only
    def _remove(self, steps: list[int]) -> None:
        for step in steps:
            Path(self.out_dir, self.filename_tmpl.format(step)).unlink(missing_ok=True)

    def _make_room(self, runner: Runner, step: int) -> list[int]:
        """Note the new step among those that are kept; the steps whose files have to go."""
        ids = [*(kept for kept in self.keep_ckpt_ids if kept != step), step]
        self.keep_ckpt_ids.clear()
        self.keep_ckpt_ids.extend(ids)  # forgets the oldest by itself
        runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        return ids[: -self.max_keep_ckpts]

    @master_only
    def _give_name(self, part: Path, work_dir: str) -> None:
        with part.open('rb') as file:
            os.fsync(file.fileno())
        os.replace(part, self.last_ckpt)
        self._call_last(self.last_ckpt, work_dir)

    @master_only
    def _call_last(self, path: str | Path, work_dir: str) -> None:
        content = str(path).encode()
        write_atomically(Path(work_dir, 'last_checkpoint'), lambda file: file.write(content))


@master_only
def hold_folder(folder: Path, seconds: float = 20.0) -> None:
    """Keep other processes from training in a folder until this one ends, however that comes.

    Args:
        folder: of checkpoints.
        seconds: to wait for a process that has it: workers outlive one that was killed by a few.

    Raises:
        ValueError: another process has it.

    """
    if fcntl is None or folder.resolve() in _HELD:
        return
    folder.mkdir(parents=True, exist_ok=True)
    lock, end = (folder / '.lock').open('wb'), time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                lock.close()
                raise ValueError(f'another process trains in {folder}: wait for it, or take another folder') from None
            time.sleep(0.1)
        except OSError as error:  # a file system without locks, as Lustre may be
            lock.close()
            text = f'{folder} cannot be locked ({error}): take care that no other process trains in it'
            warnings.warn(text, stacklevel=2)
            return
        else:
            _HELD[folder.resolve()] = lock
            return


def newest_whole(work_dir: str | Path) -> Path | None:
    """The newest checkpoint of a work directory that can be read to its end; None if there is none.

    Its own files come first, the latest step before others, then what ``last_checkpoint`` names. What is broken is
    passed over with a word on the standard output.
    """
    folder = Path(work_dir)
    own = [path for path in folder.glob('*.pth') if re.fullmatch(r'(iter|epoch)_\d+', path.stem)]
    own.sort(key=lambda path: int(path.stem.split('_')[1]), reverse=True)
    named = folder / 'last_checkpoint'
    named_paths = [Path(named.read_text().strip())] if named.is_file() and named.read_text().strip() else []
    for path in dict.fromkeys([*own, *named_paths]):
        if is_whole(path):
            print(f'resuming from {path}')
            return path
        print(f'{path} is missing or broken: passed over')
    return None


def is_whole(path: Path) -> bool:
    """Whether a file of ``torch.save`` is complete and as it was written."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False
