"""A config of one's own for photos that were converted."""

from collections.abc import Sequence
from pathlib import Path

import gain_plugin
from gain_plugin.lists import read_text

KINDS = ('tags', 'masks', 'boxes', 'classes')
FEW, MANY = 3000, 30_000  # draws of photos; in batches of 16 these are 188 and 1,875 steps
CONFIG = """_base_ = {base!r}
classes = {classes!r}
data = dict(
    data_root={root!r},
    data_prefix=dict(img_path={photos!r}, seg_map_path='masks'),
    classes=classes,
    mask_classes=classes,
)
train_dataloader = dict(dataset=data)
val_dataloader = dict(dataset=data)
test_dataloader = dict(dataset=data)
model = dict(network=dict(num_classes=len(classes)))
default_hooks = dict(attention=dict(num_classes=len(classes)))
train_cfg = dict(max_epochs={epochs}, val_interval={epochs})  # {count} photos an epoch
"""

WITHOUT_MASKS = """# val has no masks
val_dataloader = dict(dataset=dict(masks='none', **data))
test_dataloader = val_dataloader
val_evaluator = [dict(type='MultiLabelAP')]
test_evaluator = val_evaluator
"""

SEGMENTER = """_base_ = {base!r}
classes = {classes!r}
data = dict(
    data_root={root!r},
    data_prefix=dict(img_path={photos!r}),
    classes=classes,
    mask_classes=classes,
)
train_dataloader = dict(dataset=data)
model = dict(decode_head=dict(num_classes=len(classes) + 1))
"""

WITH_TRUTH = """val_dataloader = dict(dataset=data)
test_dataloader = val_dataloader
"""

WITHOUT_TRUTH = """# val has no masks of outlines
val_dataloader = val_cfg = val_evaluator = None
test_dataloader = test_cfg = test_evaluator = None
"""


def write_config(
    out: Path, kind: str, photos: Path, classes: Sequence[str], count: int, val_masks: bool = True
) -> Path:
    """Write ``config.py``, which inherits ``configs/own_data/<kind>.py``.

    The epochs follow ``epochs_for``.

    Args:
        out: the folder of the lists, which gets it.
        kind: one of ``KINDS``.
        photos: the folder that the lists name photos in.
        classes: names, in the order of the labels.
        count: of photos to train on.
        val_masks: whether there is a mask to evaluate by; where there is none, only mAP is measured.

    Returns:
        Its path. One that is there already is left as it is.

    """
    path = out / 'config.py'
    epochs = epochs_for(count)
    if not path.exists():
        text = CONFIG.format(
            base=str(_configs() / f'own_data/{kind}.py'),
            classes=tuple(classes),
            root=str(out.absolute()),
            photos=str(photos.absolute()),
            epochs=epochs,
            count=count,
        )
        path.write_text(text if val_masks or kind not in ('masks', 'boxes') else text + WITHOUT_MASKS, 'utf-8')
    return path


def epochs_for(count: int) -> int:
    """Epochs of a first look: 10, but 3,000 draws at least of few photos, and 3 epochs of very many."""
    return max(3, -(-FEW // count), min(10, -(-MANY // count)))


def write_segmenter(out: Path, photos: Path, classes: Sequence[str], truth: bool) -> Path:
    """Write ``segmenter.py``, which inherits ``configs/own_data/segmenter.py``; one that is there is left as it is.

    Args:
        out: as in ``write_config``.
        photos: as in ``write_config``.
        classes: as in ``write_config``.
        truth: whether val has masks that are more than boxes; where there are none, nothing is evaluated.

    """
    path = out / 'segmenter.py'
    if not path.exists():
        text = SEGMENTER.format(
            base=str(_configs() / 'own_data/segmenter.py'),
            classes=tuple(classes),
            root=str(out.absolute()),
            photos=str(photos.absolute()),
        )
        path.write_text(text + (WITH_TRUTH if truth else WITHOUT_TRUTH), 'utf-8')
    return path


def check_root(out: Path, photos: Path) -> None:
    """ValueError if there is a config that was written for other photos than these."""
    path = out / 'config.py'
    if path.exists() and 'img_path=' in (text := read_text(path)) and repr(str(photos.absolute())) not in text:
        raise ValueError(
            f'{path} was there and is kept, but its img_path is not {str(photos.absolute())!r}: change it, remove it '
            'or take another --out'
        )


def _configs() -> Path:
    """The configs of a checkout, or those that the wheel has."""
    package = Path(gain_plugin.__file__).parent
    checkout = package.parent / 'configs'
    return checkout if (checkout / 'own_data').is_dir() else package / '.mim/configs'
