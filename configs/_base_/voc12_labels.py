_base_ = 'labels.py'

data_root = '{{$VOC12:data}}/VOCdevkit/VOC2012'
train_dataloader = dict(
    num_workers=4,
    dataset=dict(
        data_root=data_root,
        ann_file='ImageSets/Segmentation/trainaug.txt',
        tags_file='image_level_labels.csv',
    ),
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
    )
)
test_dataloader = val_dataloader
