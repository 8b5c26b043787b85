"""Guided attention (GAIN, CVPR 2018) for weakly supervised segmentation."""

from gain_plugin.attention import attention_maps, blur, erase, normalize_maps, soft_mask
from gain_plugin.cam import CAM
from gain_plugin.health import Look, look
from gain_plugin.layers import find_layers
from gain_plugin.localization import box_hits, energy_inside, pixel_average_precision, pixel_histogram, pointing_hits
from gain_plugin.losses import GAINLoss, extra_loss, mining_loss
from gain_plugin.masks import pair_masks
from gain_plugin.model import GAIN
from gain_plugin.pictures import map_boxes, overlay, save_maps
from gain_plugin.pseudo_labels import labels_from_cues, seed_cues
from gain_plugin.scorers import EMA, Detached, Frozen, Scorer, Shared
from gain_plugin.seeds import multi_scale_maps, seed_confusion, seed_scores, seed_summary
from gain_plugin.step import Step

__version__ = '0.2.0.dev0'

__all__ = [
    'CAM',
    'EMA',
    'GAIN',
    'Detached',
    'Frozen',
    'GAINLoss',
    'Look',
    'Scorer',
    'Shared',
    'Step',
    'attention_maps',
    'blur',
    'box_hits',
    'energy_inside',
    'erase',
    'extra_loss',
    'find_layers',
    'labels_from_cues',
    'look',
    'map_boxes',
    'mining_loss',
    'multi_scale_maps',
    'normalize_maps',
    'overlay',
    'pair_masks',
    'pixel_average_precision',
    'pixel_histogram',
    'pointing_hits',
    'save_maps',
    'seed_confusion',
    'seed_cues',
    'seed_scores',
    'seed_summary',
    'soft_mask',
]
