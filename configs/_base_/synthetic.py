_base_ = 'runtime.py'

meta_keys = ('img_path', 'ori_shape', 'img_shape', 'gt_label')
train_dataloader = dict(
    batch_size=32,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='SyntheticDataset',
        count=1000,
        seed=0,
        masks=False,
        pipeline=[dict(type='PackSegInputs', meta_keys=meta_keys)],
    ),
)
val_dataloader = dict(
    batch_size=50,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='SyntheticDataset',
        count=250,
        seed=1,
        masks=True,
        pipeline=[dict(type='PackSegInputs', meta_keys=meta_keys)],
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

model = dict(
    type='MultiLabelClassifier',
    network=dict(type='gain_plugin.synthetic.small_classifier', num_classes=4),
    data_preprocessor=dict(type='SegDataPreProcessor', mean=[127.5] * 3, std=[64.0] * 3, size=(64, 64)),
)
default_hooks = dict(
    attention=dict(type='AttentionHook', num_classes=4, target_layer='network.features', score_layer='network'),
    report=dict(type='ReportData'),
)

stride = 4  # of the network's grid
start = 200  # steps of plain training that every method begins with
iterations = 600
train_cfg = dict(type='IterBasedTrainLoop', max_iters=iterations, val_interval=iterations)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=2e-3, weight_decay=1e-2))
param_scheduler = [dict(type='PolyLR', eta_min=1e-5, power=0.9, begin=0, end=iterations, by_epoch=False)]
