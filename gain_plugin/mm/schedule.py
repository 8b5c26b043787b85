"""When guidance begins and how it grows, and what is legal there and probably wrong."""

from typing import Any

from mmengine.runner import Runner


def check_iterations(name: str, given: Any) -> int | None:
    """A number of iterations, 0 or more, or None; else a ValueError."""
    if given is not None and (not isinstance(given, int) or isinstance(given, bool) or given < 0):
        raise ValueError(f'{name} must be a number of iterations, 0 or more, got {given!r}')
    return given


def schedule(
    runner: Runner, warmup: int | None, ramp: int | None, interval: int = 1, *, learns: bool, copied: bool
) -> tuple[int, int]:
    """First guided iteration, and the iterations of the ramp.

    Args:
        runner: of the training.
        warmup: as in ``GAINHook``.
        ramp: as in ``GAINHook``.
        interval: as in ``GAINHook``.
        learns: whether the scorer learns with the host, so that no warm-up is needed.
        copied: whether the scorer is a frozen copy of the host.

    """
    total, warn = runner.max_iters, runner.logger.warning
    first = (0 if learns else 2 * total // 3) if warmup is None else warmup
    length = max(0, total - first) // 3 if ramp is None else ramp
    if first >= total:
        warn(f'GAIN: warmup={first} leaves nothing of the {total} iterations to guide: lower it')
    elif length >= total - first:
        reached = (total - first) / (length + 1)
        warn(f'GAIN: with ramp={length} alpha reaches {reached:.0%} of its value when training ends: lower it')
    if interval > 1 and first < total <= first + interval:
        warn(f'GAIN: interval={interval} guides one iteration of the {total - first} after the warm-up: lower it')
    if copied and not first and not getattr(runner, '_load_from', None):
        warn(
            "GAIN: warmup=0 makes scorer='frozen' a copy of the host as it was built: give load_from= a trained "
            "classifier, or leave warmup out; all is well if the host's own weights score these classes already"
        )
    return first, length


class Falling:
    """Tells once that the mAP has fallen by more than ``POINTS`` since the guidance began."""

    POINTS = 3.0

    def __init__(self) -> None:
        self._plain: float | None = None
        self._told = False

    def look(self, runner: Runner, metrics: dict[str, float], *, guided: bool) -> None:
        """Take in the metrics of an evaluation, of which those named ``mAP`` count, in per cent."""
        found = next((value for name, value in metrics.items() if name.split('/')[-1] == 'mAP'), None)
        if found is None:
            return
        if not guided:
            self._plain = found
        elif self._plain is not None and found < self._plain - self.POINTS and not self._told:
            self._told = True
            runner.logger.warning(
                f'GAIN: mAP fell from {self._plain:.1f} to {found:.1f} since the guidance began: lower alpha in loss='
            )
