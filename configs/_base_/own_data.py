_base_ = 'runtime.py'

# photos with labels, as tools/convert_data.py writes them; your own config says where they are and what the classes are
# (docs/own_data.md). All that depends on the number of photos follows from max_epochs.
meta_keys = ('img_path', 'ori_shape', 'img_shape', 'gt_label')
size = 160
train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='VOCTagsDataset',
        ann_file='train.txt',
        tags_file='train.csv',
        masks='none',
        pipeline=[
            dict(type='RandomResize', scale=(224, 224), ratio_range=(0.75, 1.25), keep_ratio=True),
            dict(type='RandomCrop', crop_size=(size, size)),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs', meta_keys=meta_keys),
        ],
    ),
)
val_dataloader = dict(
    batch_size=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='VOCTagsDataset',
        ann_file='val.txt',
        tags_file='val.csv',
        masks='none',
        pipeline=[
            dict(  # the image alone: seeds are compared with the mask at its own size
                type='KeyMapper',
                mapping=dict(img='img'),
                remapping=dict(img='img', img_shape='img_shape'),
                transforms=[dict(type='Resize', scale=(224, 224), keep_ratio=True)],
            ),
            dict(type='PackSegInputs', meta_keys=meta_keys),
        ],
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [dict(type='MultiLabelAP')]
test_evaluator = val_evaluator

model = dict(
    type='MultiLabelClassifier',
    network=dict(type='tf_efficientnet_lite0', output_stride=16),  # ImageNet weights come by pip
    data_preprocessor=dict(type='SegDataPreProcessor', mean=[127.5] * 3, std=[127.5] * 3, size=(size, size)),
)
default_hooks = dict(
    checkpoint=dict(by_epoch=True, interval=1),  # an epoch that was broken off begins again
    gain=dict(type='GAINHook'),  # from two thirds of the run on
    attention=dict(type='AttentionHook', scales=(1.0, 0.5, 1.5, 2.0), flip=True),
    report=dict(type='ReportData'),
    pictures=dict(type='MapPictures'),
)
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=20, val_interval=20)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys={'network.classifier': dict(lr_mult=10)}),
)
# down to half in the last third, of whatever length the run is
param_scheduler = [dict(type='PolyLR', power=1.0, eta_min=0.004, by_epoch=False)]
