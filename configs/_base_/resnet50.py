# a classifier for configs on photos.py; the network lacks its num_classes
model = dict(
    type='MultiLabelClassifier',
    network=dict(type='timm.create_model', model_name='resnet50.tv_in1k', pretrained=True, output_stride=16),
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], size=(320, 320)
    ),
)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys={'network.fc': dict(lr_mult=10)}),
)
