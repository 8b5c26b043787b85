_base_ = 'runtime.py'

# how segmenters are trained on pseudo labels of tools/make_pseudo_labels.py; the data set's own file adds the data
labels = '{{$LABELS:labels}}'  # an absolute folder, or one in data_root
meta_keys = ('img_path', 'ori_shape', 'img_shape', 'gt_label')
load = dict(type='LoadImageFromFile')  # BGR, as all tools of mmseg expect; the preprocessor makes it RGB
test_pipeline = [load, dict(type='PackSegInputs', meta_keys=meta_keys)]
train_dataloader = dict(
    batch_size=15,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='VOCTagsDataset',
        masks='found',
        data_prefix=dict(img_path='JPEGImages', seg_map_path=labels),
        background=True,
        pipeline=[
            load,
            dict(type='RandomResize', scale=(448, 448), ratio_range=(0.5, 1.5), keep_ratio=True),
            dict(type='RandomCrop', crop_size=(321, 321), cat_max_ratio=0.75),
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
        ann_file='ImageSets/Segmentation/val.txt',
        background=True,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [dict(type='IoUMetric', iou_metrics=['mIoU'])]
test_evaluator = val_evaluator
train_cfg = dict(type='IterBasedTrainLoop', max_iters=8000, val_interval=2000)
visualizer = dict(type='SegLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')], name='visualizer')
default_hooks = dict(visualization=dict(type='SegVisualizationHook'))
