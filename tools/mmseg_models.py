"""The smallest model of every backbone and decode head in each folder of mmseg's own configs."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import mmseg
import torch
from mmengine import ConfigDict
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn

SIZE = 64  # of images
CLASSES = 4


def smallest_segmentors(parts: list[str]) -> dict[tuple[str, str, str, str], ConfigDict]:
    """Folder, config, backbone and decode head, with the model of fewest parameters that has them.

    Where none can be built here, it is the first one, so that what uses it says why.

    Args:
        parts: if any, parts of the names of the folders to look into.

    """
    paths: dict[tuple[str, str], Path] = {}
    for path in sorted((Path(mmseg.__file__).parent / '.mim/configs').glob('[!_]*/*.py')):
        if not parts or any(part in path.parent.name for part in parts):
            network = re.split(r'_\d+xb', path.stem)[0]  # what follows are the schedule and the data
            paths.setdefault((path.parent.name, network), path)
    kinds: dict[tuple[str, str, str], list[tuple[str, ConfigDict]]] = defaultdict(list)
    for (folder, _), path in paths.items():
        # what a config imports may not be installed, which only building it has to say
        model = shrink(Config.fromfile(path, import_custom_modules=False).model)
        backbone = model.get('backbone', model.get('image_encoder'))
        kinds[folder, backbone.type, decode_head(model).type].append((path.stem, model))
    chosen = {}
    for (folder, backbone, head), models in kinds.items():
        name, model = min(models, key=lambda named: count_parameters(named[1])) if len(models) > 1 else models[0]
        chosen[folder, name, backbone, head] = model
    return chosen


def decode_head(model: ConfigDict) -> ConfigDict:
    """The last stage, where there are several."""
    head = model.decode_head
    return head[-1] if isinstance(head, list) else head


def shrink(config: Any) -> Any:
    """A config, or a part of one, for few classes and small images, without weights to load or a group of processes."""
    if isinstance(config, list):
        return [shrink(part) for part in config]
    if not isinstance(config, dict):
        return config
    small = {key: shrink(part) for key, part in config.items() if key not in ('init_cfg', 'pretrained')}
    small.pop('data_preprocessor', None)
    if small.get('type') == 'SyncBN':
        small['type'] = 'BN'
    if 'img_size' in small:
        small['img_size'] = SIZE
    if 'num_classes' in small:
        small['num_classes'] = CLASSES
    return ConfigDict(small)


def count_parameters(model: ConfigDict) -> float:
    """Infinity where the model cannot be built."""
    for device in ('meta', 'cpu'):  # without memory, if it asks for no values while it is built
        try:
            with torch.device(device):
                return sum(parameter.numel() for parameter in build_segmentor(model).parameters())
        except ValueError:  # said where the model is used
            continue
    return float('inf')


def build_segmentor(model: ConfigDict) -> nn.Module:
    """With random weights.

    Raises:
        ValueError: what mmseg says if it cannot be built here.

    """
    init_default_scope('mmseg')
    try:
        return MODELS.build(model)
    except Exception as error:  # of any kind: packages and compiled operators are asked for in several ways
        raise ValueError(f'not built: {error}') from error
