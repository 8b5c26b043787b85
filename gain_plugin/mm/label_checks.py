"""What can be wrong with a run of ``make_pseudo_labels``, looked for before hours of work."""

import hashlib
import json
import pickle
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.runner.checkpoint import get_torch_safe_globals

from gain_plugin.label_files import saliency_path, write_whole
from gain_plugin.label_worker import LabelRule
from gain_plugin.mm.dataset import VOCTagsDataset


def check_folder(out: Path) -> None:
    """Make the folder and try to write to it."""
    try:
        (out / 'counts').mkdir(parents=True, exist_ok=True)
        write_whole(out / 'counts' / 'trial', lambda file: file.write(b'can be written'))
        (out / 'counts' / 'trial').unlink()
    except OSError as error:
        raise ValueError(f'cannot write to {out}: {error}') from error


def check_data(dataset: Any, rule: LabelRule) -> list[str]:
    """Names of the files to make, one an image; each once, with its saliency map, and no mask with a wrong value."""
    names = [Path(dataset.get_data_info(index)['img_path']).stem for index in range(len(dataset))]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f'images of the same name would share a file: {twice[:5]}')
    missing = [name for name in names if rule.saliency and not saliency_path(rule.saliency, name).is_file()]
    if missing:
        raise ValueError(f'{len(missing)} saliency maps are missing in {rule.saliency}, as {missing[0]}.png')
    if isinstance(dataset, VOCTagsDataset):
        dataset.check_masks()
    return names


def load_fitting(runner: Runner, checkpoint: str | Path, classes: Sequence[str], trusted: bool = False) -> None:
    """Load a checkpoint of the same model, trained for the same classes.

    Unless it is ``trusted``, it is refused if reading it would run code of its own.
    """
    if not Path(checkpoint).is_file():
        raise ValueError(f'the checkpoint {checkpoint} is not there')
    if not trusted:
        _refuse_code(checkpoint)
    try:
        loaded = runner.load_checkpoint(str(checkpoint), strict=True)
    except RuntimeError as error:
        raise ValueError(f'the checkpoint {checkpoint} does not fit the model of the config: {error}') from error
    trained = (loaded.get('meta', {}).get('dataset_meta') or {}).get('classes')
    if trained is not None and tuple(trained) != tuple(classes):
        raise ValueError(f'{checkpoint} was trained for the classes {trained}, the config names {classes}')


def _refuse_code(checkpoint: str | Path) -> None:
    """Unpickling in full, as mmengine does with what PyTorch refuses, runs whatever the file says."""
    try:
        with torch.serialization.safe_globals(get_torch_safe_globals()):
            torch.load(checkpoint, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f'{checkpoint} holds more than weights, and reading it could run code: {error}. If you trust where it '
            'comes from, use tools/test.py --trust-checkpoint, which reads it all the same'
        ) from error
    except (RuntimeError, EOFError) as error:
        raise ValueError(f'{checkpoint} is empty or cut off: {error}') from error


def keep_settings(path: Path, cfg: Config, checkpoint: str | Path, rule: LabelRule, attention: dict[str, Any]) -> None:
    """Write down all that a label depends on beside its image, or refuse what differs from what was written before.

    The list of images does not count, so that it may grow.
    """
    dataset = {key: value for key, value in cfg.test_dataloader.dataset.items() if key not in ('ann_file', 'indices')}
    digest = hashlib.sha256(Path(checkpoint).read_bytes()).hexdigest()
    settings = {**rule._asdict(), 'checkpoint': digest, 'attention': attention, 'model': cfg.model, 'dataset': dataset}
    text = json.dumps(settings, indent=1, default=_plain)
    if not path.exists():
        write_whole(path, lambda file: file.write(text.encode()))
    before, now = json.loads(path.read_text()), json.loads(text)
    differ = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if differ:
        raise ValueError(
            f'{path.parent} has labels of other settings ({", ".join(differ)}, see {path.name}): take another folder, '
            'or remove that one to begin anew'
        )


def _plain(value: Any) -> Any:
    return value.to_dict() if hasattr(value, 'to_dict') else str(value)
