# the second stage of the paper: SEC on DeepLab-LargeFOV, with the settings of both; the head lacks its num_classes
size = (321, 321)
sec_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=size, keep_ratio=False),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs', meta_keys=('img_path', 'ori_shape', 'img_shape', 'gt_label')),
]
model = dict(
    type='SEC',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        size=size,
        bgr_to_rgb=True,
    ),
    backbone=dict(type='VGG16LargeFOV', init_cfg=dict(type='Pretrained', checkpoint='torchvision://vgg16')),
    decode_head=dict(  # fc8
        type='FCNHead',
        in_channels=1024,
        channels=1024,
        num_convs=0,
        concat_input=False,
        dropout_ratio=0,
        norm_cfg=None,
        align_corners=False,
    ),
    test_cfg=dict(mode='whole'),
)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=5e-4),
    paramwise_cfg=dict(custom_keys={'decode_head': dict(lr_mult=10)}),
)
param_scheduler = [dict(type='MultiStepLR', milestones=[2000, 4000, 6000], gamma=0.1, by_epoch=False)]
