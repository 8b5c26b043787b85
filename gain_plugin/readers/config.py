"""A config of one's own for photos that were converted."""

from collections.abc import Sequence
from pathlib import Path

import gain_plugin

KINDS = ('tags', 'masks', 'boxes', 'classes')
LEAST_EPOCHS, LEAST_PHOTOS = 10, 3000  # 3,000 photos in batches of 16 are 188 steps
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


def write_config(
    out: Path, kind: str, photos: Path, classes: Sequence[str], count: int, val_masks: bool = True
) -> Path:
    """Write ``config.py``, which inherits ``configs/own_data/<kind>.py``.

    Small sets go through more epochs: at least 10, and 3,000 photos in all.

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
    epochs = max(LEAST_EPOCHS, -(-LEAST_PHOTOS // count))
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


def _configs() -> Path:
    """The configs of a checkout, or those that the wheel has."""
    package = Path(gain_plugin.__file__).parent
    checkout = package.parent / 'configs'
    return checkout if (checkout / 'own_data').is_dir() else package / '.mim/configs'
