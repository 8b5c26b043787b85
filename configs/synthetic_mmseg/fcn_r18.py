_base_ = '../_base_/synthetic_mmseg.py'

norm = dict(type='BN')
model = dict(
    _delete_=True,
    type='EncoderDecoder',
    data_preprocessor=_base_.data_preprocessor,
    backbone=dict(
        type='ResNetV1c', depth=18, strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), contract_dilation=True, norm_cfg=norm
    ),
    decode_head=dict(
        type='FCNHead',
        in_channels=512,
        channels=128,
        num_convs=1,
        concat_input=False,
        num_classes=4,
        norm_cfg=norm,
        loss_decode=dict(type='TagLoss'),
    ),
    test_cfg=dict(mode='whole'),
)
