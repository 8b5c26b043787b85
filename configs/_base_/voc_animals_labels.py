_base_ = 'labels.py'

classes = ('person', 'cat', 'cow', 'dog', 'horse', 'sheep')
others = tuple(
    'aeroplane bicycle bird boat bottle bus car chair diningtable motorbike pottedplant sofa train tvmonitor'.split()
)
data = dict(data_root='{{$VOC_ANIMALS:../shared/voc_animals}}/VOCdevkit/VOC2012', classes=classes)
train_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Segmentation/train_aug.txt',
        tags_file='../../image_level_labels.csv',
        mask_classes=(*classes, *others),  # labels are numbered as the classes are; tags name others, too
        **data,
    )
)
val_dataloader = dict(dataset=data)
test_dataloader = val_dataloader
