_base_ = 'deeplabv3plus.py'

# small enough for two cores: the backbone of the classifier, from the same ImageNet weights, and small crops
size = (160, 160)
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        pipeline=[
            _base_.load,
            dict(type='RandomResize', scale=(224, 224), ratio_range=(0.75, 1.5), keep_ratio=True),
            dict(type='RandomCrop', crop_size=size, cat_max_ratio=0.9),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs', meta_keys=_base_.meta_keys),
        ]
    ),
)
test_pipeline = [
    _base_.load,
    dict(  # the image alone, to the middle of the sizes trained on; answers come back at its own size, as the mask is
        type='KeyMapper',
        mapping=dict(img='img'),
        remapping=dict(img='img', img_shape='img_shape'),
        transforms=[dict(type='Resize', scale=(252, 252), keep_ratio=True)],
    ),
    dict(type='PackSegInputs', meta_keys=_base_.meta_keys),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
iterations = 1000
train_cfg = dict(max_iters=iterations, val_interval=iterations)
model = dict(
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3, size=size),
    backbone=dict(_delete_=True, type='tf_efficientnet_lite0', output_stride=16),
    decode_head=dict(in_channels=320, channels=128, dilations=(1, 6, 12), c1_in_channels=24, c1_channels=24),
)
# the head is new: docs/segmenter.md has by what its learning rate was chosen
optim_wrapper = dict(optimizer=dict(lr=0.02), paramwise_cfg=dict(custom_keys=dict(decode_head=dict(lr_mult=10.0))))
param_scheduler = [dict(type='PolyLR', eta_min=1e-4, power=0.9, begin=0, end=iterations, by_epoch=False)]
