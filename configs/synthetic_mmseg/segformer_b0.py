_base_ = '../_base_/synthetic_mmseg.py'

model = dict(
    _delete_=True,
    type='EncoderDecoder',
    data_preprocessor=_base_.data_preprocessor,
    backbone=dict(
        type='MixVisionTransformer',
        embed_dims=32,
        num_layers=[2, 2, 2, 2],
        num_heads=[1, 2, 5, 8],
        sr_ratios=[8, 4, 2, 1],
    ),
    decode_head=dict(
        type='SegformerHead',
        in_channels=[32, 64, 160, 256],
        in_index=[0, 1, 2, 3],
        channels=256,
        num_classes=4,
        norm_cfg=dict(type='BN'),
        loss_decode=dict(type='TagLoss'),
    ),
    test_cfg=dict(mode='whole'),
)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
