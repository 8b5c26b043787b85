"""The mmengine side: importing this registers all that a config can name, but for ``gain_plugin.mm.sec``."""

from gain_plugin.mm.attention_hook import AttentionHook
from gain_plugin.mm.balanced import BalancedConcat
from gain_plugin.mm.checkpoints import WholeCheckpointHook
from gain_plugin.mm.classifier import MultiLabelClassifier, tf_efficientnet_lite0
from gain_plugin.mm.crf_hook import CRFHook
from gain_plugin.mm.dataset import VOCTagsDataset
from gain_plugin.mm.hook import GAINHook
from gain_plugin.mm.large_fov import VGG16LargeFOV
from gain_plugin.mm.localization import Localization
from gain_plugin.mm.map_files import MapFiles
from gain_plugin.mm.map_pictures import MapPictures
from gain_plugin.mm.metrics import MultiLabelAP, SeedIoU
from gain_plugin.mm.pseudo_labels import make_pseudo_labels
from gain_plugin.mm.report_data import ReportData
from gain_plugin.mm.sampler import MaskedSampler
from gain_plugin.mm.step_seed import StepSeedHook
from gain_plugin.mm.streamed import StreamedPhotos
from gain_plugin.mm.synthetic import SyntheticDataset
from gain_plugin.mm.tags import TagLoss, TagsAsMask
from gain_plugin.mm.transforms import FillBoxes, SpuriousCue
from gain_plugin.pseudo_labels import LabelRule
from gain_plugin.pseudo_labels.report import LabelReport

__all__ = [
    'AttentionHook',
    'BalancedConcat',
    'CRFHook',
    'FillBoxes',
    'GAINHook',
    'LabelReport',
    'LabelRule',
    'Localization',
    'MapFiles',
    'MapPictures',
    'MaskedSampler',
    'MultiLabelAP',
    'MultiLabelClassifier',
    'ReportData',
    'SeedIoU',
    'SpuriousCue',
    'StepSeedHook',
    'StreamedPhotos',
    'SyntheticDataset',
    'TagLoss',
    'TagsAsMask',
    'VGG16LargeFOV',
    'VOCTagsDataset',
    'WholeCheckpointHook',
    'make_pseudo_labels',
    'tf_efficientnet_lite0',
]
