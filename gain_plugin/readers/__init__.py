"""Readers of what others leave, one file a format, and the writer of what ``VOCTagsDataset`` reads."""

from gain_plugin.readers.annotations import Annotations, Photo, Region, number_of
from gain_plugin.readers.coco import read_coco
from gain_plugin.readers.config import write_config
from gain_plugin.readers.draw import draw_mask
from gain_plugin.readers.folders import read_folders
from gain_plugin.readers.huggingface import read_huggingface
from gain_plugin.readers.labelme import read_labelme
from gain_plugin.readers.mask_values import read_mask_values
from gain_plugin.readers.npy import read_npy
from gain_plugin.readers.table import read_table
from gain_plugin.readers.voc import read_voc, read_voc_sbd
from gain_plugin.readers.write import divide, read_classes, write_annotations
from gain_plugin.readers.yolo import read_yolo

__all__ = [
    'Annotations',
    'Photo',
    'Region',
    'divide',
    'draw_mask',
    'number_of',
    'read_classes',
    'read_coco',
    'read_folders',
    'read_huggingface',
    'read_labelme',
    'read_mask_values',
    'read_npy',
    'read_table',
    'read_voc',
    'read_voc_sbd',
    'read_yolo',
    'write_annotations',
    'write_config',
]
