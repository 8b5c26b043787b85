_base_ = ['../_base_/coco.py', '../_base_/resnet50.py']

# 3 passes over the 82,783 photos, and half as many with half the rate
train_dataloader = dict(
    dataset=dict(
        ann_file='train2014.txt',
        tags_file='train2014.csv',
        data_prefix=dict(img_path='train2014', seg_map_path='masks/train2014'),
    )
)
val_dataloader = dict(
    dataset=dict(
        ann_file='val2014.txt',
        tags_file='val2014.csv',
        data_prefix=dict(img_path='val2014', seg_map_path='masks/val2014'),
    )
)
test_dataloader = val_dataloader
model = dict(network=dict(num_classes=_base_.num_classes))
start = 15500  # steps of plain training that every method begins with
iterations = 23250
train_cfg = dict(type='IterBasedTrainLoop', max_iters=iterations, val_interval=iterations)
param_scheduler = [dict(type='MultiStepLR', milestones=[start], gamma=0.5, end=iterations, by_epoch=False)]
