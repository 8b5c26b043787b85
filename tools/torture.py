"""Kill the tools with SIGKILL, again and again, let them go on, and compare the end with an undisturbed run.

    python tools/torture.py train labels pipeline compare evidence --kills 50 --work-dir work_dirs/torture

Each target is a tool on the embedded data, so short that it takes seconds. It is started, killed, and started again in
the same folder until it comes to its end by itself, which has to be that of a run that nobody disturbed: weights and
label files bit for bit, figures to the last digit, times aside. Then another round begins in a new folder, until
``--kills`` kills have hit. They come by turns

* at a random moment of the time that the undisturbed run took;
* at a chosen one: just before or after a file is given its name, brought to the disk or removed (``os.replace``,
  ``os.fsync``, ``os.unlink``), any of those that the undisturbed run came by;
* on a small disk: no file may become larger than a random size (RLIMIT_FSIZE), so that a write fails in the middle, and
  whoever outlives that is killed.

A tool begins as a fork of this process, which has imported PyTorch and mmengine already. Every round is a line, so that
what was seen stays if this process ends before its time; folders of rounds that did not end the same are kept. The exit
status is 1 if an end differs or a tool could not go on by itself.
"""

import argparse
import importlib
import os
import random
import resource
import runpy
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torture_targets import TARGETS, write_configs

WARM = (
    *('gain_plugin.commands', 'gain_plugin.mm', 'gain_plugin.mm.single_run', 'gain_plugin.mm.comparison'),
    *('mmseg.datasets', 'mmseg.evaluation', 'mmseg.models', 'matplotlib.pyplot', 'sklearn.metrics', 'torchvision'),
)
"""What the parent imports, so that its forks begin at once."""
CHOSEN = ('replace', 'fsync', 'unlink')


class Tool:
    """A tool that runs in a fork of this process.

    Args:
        arguments: its name and what follows.
        log: file of its output.
        largest: bytes that a file of its may have; None for no limit.
        last: at which call of those ``CHOSEN`` it kills itself, and whether before or after it; 0 to count them, as
            bytes of the file ``calls`` beside the log; None for neither.

    """

    def __init__(
        self, arguments: list[str], log: Path, largest: int | None = None, last: tuple[int, bool] | None = None
    ) -> None:
        sys.stdout.flush()
        self.process = os.fork()
        if not self.process:
            try:
                self._run(arguments, log, largest, last)
            finally:
                os._exit(1)

    @staticmethod
    def _run(arguments: list[str], log: Path, largest: int | None, last: tuple[int, bool] | None) -> None:
        os.setsid()
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1), os.dup2(output, 2)
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
        if last is not None:
            die_at(*last, log.with_name('calls'))
        sys.argv = arguments
        status = 1
        try:
            runpy.run_path(f'tools/{arguments[0]}.py', run_name='__main__')
            status = 0
        except SystemExit as end:
            status = int(bool(end.code))
        except BaseException as error:  # the log has it
            print(f'{type(error).__name__}: {error}', flush=True)
        os._exit(status)

    def wait(self, seconds: float) -> int | None:
        """The exit status, negative for a signal, or None after so many seconds."""
        end = time.time() + seconds
        while time.time() < end:
            done, status = os.waitpid(self.process, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.005)
        return None

    def kill(self) -> None:
        """End it and what it has started."""
        os.killpg(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)


def die_at(call: int, before: bool, calls: Path) -> None:
    """Have this process kill itself at that call of a function that changes names on the disk."""
    counted = calls.open('wb', buffering=0)
    count = 0

    def watched(function: Callable[..., Any]) -> Callable[..., Any]:
        def watching(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            counted.write(b'.')
            if count == call and before:
                os.killpg(0, signal.SIGKILL)
            result = function(*args, **kwargs)
            if count == call:
                os.killpg(0, signal.SIGKILL)
            return result

        return watching

    for name in CHOSEN:
        setattr(os, name, watched(getattr(os, name)))


def undisturbed(name: str, configs: Path, work: Path) -> tuple[float, int, Any]:
    """Seconds that a target takes, the calls of ``CHOSEN`` that it makes, and its end."""
    target, begin, calm = TARGETS[name], time.time(), work / 'calm' / name
    calm.mkdir(parents=True)
    if Tool(target.arguments(configs, calm), calm / 'log', last=(0, True)).wait(600):
        raise SystemExit(f'{name} fails undisturbed: see {calm}/log')
    return time.time() - begin, (calm / 'calls').stat().st_size, target.result(calm)


def torture(name: str, configs: Path, work: Path, kills: int, moments: random.Random) -> bool:
    """Kill one target so many times; whether every end was the undisturbed one."""
    target = TARGETS[name]
    took, calls, wanted = undisturbed(name, configs, work)
    counts = dict.fromkeys(('random', 'chosen', 'small disk'), 0)
    rounds = same = stuck = 0
    while sum(counts.values()) < kills:
        folder = work / f'{name}_{rounds}'
        folder.mkdir()
        hits = 0
        for _ in range(min(moments.randint(1, 6), kills - sum(counts.values()))):
            way, begin = min(counts, key=counts.__getitem__), time.time()
            if not one_kill(target.arguments(configs, folder), folder / 'log', way, took, calls, moments):
                if not hits:  # faster than the undisturbed one: the machine is shared
                    took = min(took, time.time() - begin)
                break
            counts[way], hits = counts[way] + 1, hits + 1
        ended = Tool(target.arguments(configs, folder), folder / 'log').wait(600) == 0
        alike = ended and target.result(folder) == wanted
        verdict = 'the same' if alike else 'DIFFERENT' if ended else 'STUCK'
        print(f'{folder}: {hits} kills, {verdict}; so far {counts}', flush=True)
        rounds, stuck, same = rounds + (hits > 0 or not alike), stuck + (not ended), same + (alike and hits > 0)
        if alike:
            shutil.rmtree(folder)
    print(
        f'{name}: {sum(counts.values())} kills {counts} in {rounds} rounds of {took:.0f} s, {same} ends the same, '
        f'{rounds - same - stuck} different, {stuck} could not go on',
        flush=True,
    )
    return same == rounds


def one_kill(arguments: list[str], log: Path, way: str, took: float, calls: int, moments: random.Random) -> bool:
    """Start a tool and kill it in one of the ways; False if it had come to its end before."""
    last = (moments.randint(1, calls), moments.random() < 0.5) if way == 'chosen' else None
    largest = int(10 ** moments.uniform(2, 7)) if way == 'small disk' else None
    tool = Tool(arguments, log, largest, last)
    status = tool.wait(600 if way == 'chosen' else moments.uniform(0.05, 1.0) * took)
    if status is None:
        tool.kill()
        return True
    return status == -signal.SIGKILL or (way == 'small disk' and status != 0)


def main() -> int:
    """Torture the targets of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('targets', nargs='+', choices=list(TARGETS))
    parser.add_argument('--kills', type=int, default=50, help='of each target')
    parser.add_argument('--seed', type=int, default=0, help='of the moments')
    parser.add_argument('--workers', type=int, default=0, help='processes that load the images of a training')
    parser.add_argument('--work-dir', type=Path, required=True, help='a new folder')
    args = parser.parse_args()
    torch.set_num_threads(1)  # a fork of a process with threads may hang
    for module in WARM:
        importlib.import_module(module)
    Config.pretty_text = Config.text  # mmengine formats the config for each checkpoint: a quarter of so short a run
    sys.path.insert(0, str(Path('tools').absolute()))
    configs = args.work_dir.absolute() / 'configs'
    write_configs(configs, args.workers)
    moments = random.Random(args.seed)
    if 'labels' in args.targets and 'train' not in args.targets:
        undisturbed('train', configs, configs.parent)  # labels are made by what is trained
    names = [name for name in TARGETS if name in args.targets]
    same = [torture(name, configs, configs.parent, args.kills, moments) for name in names]
    return int(not all(same))


if __name__ == '__main__':
    raise SystemExit(main())
