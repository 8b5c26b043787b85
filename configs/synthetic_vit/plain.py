_base_ = '../_base_/synthetic.py'

model = dict(
    network=dict(
        _delete_=True,
        type='timm.models.vision_transformer.VisionTransformer',
        img_size=64,
        patch_size=8,
        embed_dim=96,
        depth=4,
        num_heads=3,
        num_classes=4,
    )
)
default_hooks = dict(attention=dict(_delete_=True, type='AttentionHook', num_classes=4))
start = 1000
iterations = 2000
train_cfg = dict(type='IterBasedTrainLoop', max_iters=iterations, val_interval=iterations)
param_scheduler = [dict(type='PolyLR', eta_min=1e-5, power=0.9, begin=0, end=iterations, by_epoch=False)]
