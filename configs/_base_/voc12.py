_base_ = 'photos.py'

# VOC 2012 as mmseg's voc_aug.py leaves it, with the labels of tools/image_level_labels.py (docs/full_voc.md)
num_classes = 20
data = dict(
    data_root='{{$VOC12:data}}/VOCdevkit/VOC2012',
    tags_file='image_level_labels.csv',
    # VOC's own masks: SegmentationClassAug has only what SBD has, which is not all of train and val
    data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
)
train_dataloader = dict(dataset=dict(ann_file='ImageSets/Segmentation/trainaug.txt', **data))
val_dataloader = dict(dataset=dict(ann_file='ImageSets/Segmentation/val.txt', **data))
test_dataloader = val_dataloader
default_hooks = dict(attention=dict(num_classes=num_classes))
