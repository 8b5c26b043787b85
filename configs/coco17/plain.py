_base_ = ['../_base_/coco.py', '../_base_/resnet50.py']

# 3 passes over the 118,287 photos, and half as many with half the rate
train_dataloader = dict(
    dataset=dict(
        ann_file='train2017.txt',
        tags_file='train2017.csv',
        data_prefix=dict(img_path='train2017', seg_map_path='masks/train2017'),
    )
)
val_dataloader = dict(
    dataset=dict(
        ann_file='val2017.txt',
        tags_file='val2017.csv',
        data_prefix=dict(img_path='val2017', seg_map_path='masks/val2017'),
    )
)
test_dataloader = val_dataloader
model = dict(network=dict(num_classes=_base_.num_classes))
start = 22200  # steps of plain training that every method begins with
iterations = 33300
train_cfg = dict(type='IterBasedTrainLoop', max_iters=iterations, val_interval=iterations)
param_scheduler = [dict(type='MultiStepLR', milestones=[start], gamma=0.5, end=iterations, by_epoch=False)]
