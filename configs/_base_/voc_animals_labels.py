_base_ = 'labels.py'

classes = ('person', 'cat', 'cow', 'dog', 'horse', 'sheep')
data = dict(data_root='{{$VOC_ANIMALS:../shared/voc_animals}}/VOCdevkit/VOC2012', classes=classes)
train_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Segmentation/train_aug.txt',
        tags_file='../../image_level_labels.csv',
        mask_classes=classes,  # labels are numbered as the classes are
        **data,
    )
)
val_dataloader = dict(dataset=data)
test_dataloader = val_dataloader
