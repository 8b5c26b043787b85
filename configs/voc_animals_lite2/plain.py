_base_ = '../_base_/voc_animals.py'

# a larger network of ImageNet weights, and larger crops of photos at their own size
size, photo = 224, 320
model = dict(
    network=dict(
        _delete_=True,
        type='gain_plugin.pretrained.efficientnet_lite',
        name='tf_efficientnet_lite2',
        num_classes=len(_base_.classes),
        output_stride=16,
    ),
    data_preprocessor=dict(size=(size, size)),
)
train_dataloader = dict(
    batch_size=8,
    dataset=dict(
        pipeline=[
            dict(type='RandomResize', scale=(photo, photo), ratio_range=(0.75, 1.25), keep_ratio=True),
            dict(type='RandomCrop', crop_size=(size, size)),
            *_base_.train_dataloader.dataset.pipeline[2:],
        ]
    ),
)
pipeline = _base_.val_dataloader.dataset.pipeline
resize = dict(type='Resize', scale=(photo, photo), keep_ratio=True)
val_dataloader = dict(dataset=dict(pipeline=[{**pipeline[0], 'transforms': [resize]}, pipeline[1]]))
test_dataloader = val_dataloader

start, iterations = 300, 450
train_cfg = dict(max_iters=iterations, val_interval=iterations)
param_scheduler = [dict(type='MultiStepLR', milestones=[start], gamma=0.5, end=iterations, by_epoch=False)]
trial = {**_base_.trial, 'train_cfg.max_iters': iterations}
