_base_ = 'runtime.py'

# how classifiers are trained on photos with image-level labels, and tested; the data set's own file adds the data
meta_keys = ('img_path', 'ori_shape', 'img_shape', 'gt_label')
train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='VOCTagsDataset',
        masks='none',
        pipeline=[
            dict(type='RandomResize', scale=(448, 448), ratio_range=(0.75, 1.25), keep_ratio=True),
            dict(type='RandomCrop', crop_size=(320, 320)),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs', meta_keys=meta_keys),
        ],
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='VOCTagsDataset',
        masks='all',
        pipeline=[
            dict(  # the image alone: seeds are compared with the mask at its own size
                type='KeyMapper',
                mapping=dict(img='img'),
                remapping=dict(img='img', img_shape='img_shape'),
                transforms=[dict(type='Resize', scale=(448, 448), keep_ratio=True)],
            ),
            dict(type='PackSegInputs', meta_keys=meta_keys),
        ],
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
default_hooks = dict(
    attention=dict(type='AttentionHook', scales=(1.0, 0.5, 1.5, 2.0), flip=True),
    report=dict(type='ReportData'),
)
