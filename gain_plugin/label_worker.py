"""The former place of ``gain_plugin.pseudo_labels.worker``, for scripts that name it."""

from gain_plugin.pseudo_labels.rules import LabelRule
from gain_plugin.pseudo_labels.worker import LabelTask, label_image

__all__ = ['LabelRule', 'LabelTask', 'label_image']
