"""Guided attention (GAIN, CVPR 2018) for weakly supervised segmentation."""

from gain_plugin.attention import attention_maps, blur, erase, normalize_maps, soft_mask
from gain_plugin.localization import box_hits, energy_inside, pixel_average_precision, pixel_histogram, pointing_hits
from gain_plugin.losses import GAINLoss
from gain_plugin.masks import pair_masks
from gain_plugin.model import GAIN
from gain_plugin.seeds import multi_scale_maps, seed_confusion, seed_scores

__version__ = '0.1.0'

__all__ = [
    'GAIN',
    'GAINLoss',
    'attention_maps',
    'blur',
    'box_hits',
    'energy_inside',
    'erase',
    'multi_scale_maps',
    'normalize_maps',
    'pair_masks',
    'pixel_average_precision',
    'pixel_histogram',
    'pointing_hits',
    'seed_confusion',
    'seed_scores',
    'soft_mask',
]
