"""A classifier's second round: further steps in which its own pseudo labels are the masks of Eq. 7."""

import copy
from pathlib import Path
from typing import Any

from mmengine.config import Config

from gain_plugin.mm.kinds import is_guidance, is_tagged_photos
from gain_plugin.mm.label_samples import sources_of
from gain_plugin.tagged_photos import VOC_CLASSES

SHARE = 3  # a round has a third of the steps before it, as a guided phase has
EXT_WEIGHT = 3.0  # as in the configs with true masks


def further_steps(config: Config) -> Config:
    """The same training, a third longer, guided throughout if it was guided.

    To be resumed from the last checkpoint of ``config``: the learning rate is what its schedule ended with, a frozen
    scorer is a copy of the classifier as that checkpoint has it.

    Args:
        config: of the classifier's first round.

    Raises:
        ValueError: training is counted in epochs.

    """
    cfg = copy.deepcopy(config)
    done = cfg.train_cfg.get('max_iters')
    if done is None:
        raise ValueError('further steps are counted in iterations: give train_cfg an IterBasedTrainLoop with max_iters')
    cfg.train_cfg.max_iters = done + done // SHARE
    guidance = _guidance(cfg)
    if guidance is not None:
        guidance.update(warmup=done, ramp=0)
    return cfg


def second_round(config: Config, labels: Path) -> Config:
    """``further_steps`` with pseudo labels as masks of the photos that have none.

    A classifier without guidance gets the masks' loss alone.

    Args:
        config: of the classifier's first round.
        labels: folder that ``make_pseudo_labels`` filled for the photos it was trained on.

    Raises:
        ValueError: training is counted in epochs, no photos without masks to be given labels, or a loss of several
            terms.

    """
    cfg = further_steps(config)
    tagged = [
        source
        for source in sources_of(cfg.train_dataloader.dataset)
        if is_tagged_photos(source) and source.get('masks') == 'none'
    ]
    if not tagged:
        raise ValueError("no VOCTagsDataset with masks='none' among the training data: there is nothing to label")
    for source in tagged:
        source.update(masks='found', mask_classes=_numbered(source))
        source.data_prefix = {**(source.get('data_prefix') or {}), 'seg_map_path': str(labels.absolute())}
    guidance = _guidance(cfg)
    if guidance is None:
        cfg.default_hooks.gain = _masks_alone(cfg, config.train_cfg.max_iters)
    elif isinstance(guidance.get('loss') or {}, dict):
        guidance.loss = {**(guidance.get('loss') or {}), 'ext_weight': EXT_WEIGHT}
    else:
        raise ValueError('loss= of the GAINHook has several terms: a second round knows GAINLoss alone')
    return cfg


def _guidance(cfg: Config) -> Any:
    hooks = [*cfg.get('default_hooks', {}).values(), *(cfg.get('custom_hooks') or [])]
    return next((hook for hook in hooks if hook and is_guidance(hook)), None)


def _masks_alone(cfg: Config, warmup: int) -> dict[str, Any]:
    attention = cfg.default_hooks.get('attention') or {}
    reading = ('target_layer', 'score_layer', 'reshape', 'scores', 'weigh')
    return {
        'type': 'GAINHook',
        'loss': {'alpha': 0.0, 'ext_weight': EXT_WEIGHT},
        'gain': {name: attention[name] for name in reading if attention.get(name) is not None},
        'warmup': warmup,
        'ramp': 0,
    }


def _numbered(source: Any) -> tuple[str, ...]:
    """Names of the values of pseudo labels: the classes as they come, then what else tags may name."""
    classes = tuple(source.get('classes') or VOC_CLASSES)
    others = source.get('mask_classes') or (VOC_CLASSES if set(classes) <= set(VOC_CLASSES) else ())
    return (*classes, *(name for name in others if name not in (*classes, 'background', 'unknown')))
