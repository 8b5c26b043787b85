"""From maps to pseudo labels: refinement, thresholds, files, and what they are worth."""

from gain_plugin.pseudo_labels.cues import labels_from_cues, seed_cues
from gain_plugin.pseudo_labels.pamr import pamr
from gain_plugin.pseudo_labels.rules import Calibration, LabelRule, calibrate, otsu_threshold

__all__ = [
    'Calibration',
    'LabelRule',
    'calibrate',
    'labels_from_cues',
    'otsu_threshold',
    'pamr',
    'seed_cues',
]
