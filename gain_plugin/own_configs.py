"""Where the configs of this project are: in the wheel, or in a checkout."""

from pathlib import Path

HERE = Path(__file__).parent


def own_configs() -> Path:
    """The folder that ``configs/synthetic`` and the others are in."""
    installed = HERE / '.mim/configs'
    return installed if installed.is_dir() else HERE.parent / 'configs'
