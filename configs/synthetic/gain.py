_base_ = 'plain.py'

default_hooks = dict(
    gain=dict(
        type='GAINHook',
        loss=dict(alpha=1.0),
        gain=dict(target_layer='network.features', score_layer='network', scorer='detached', one_class=True),
        warmup=200,
        ramp=100,
    )
)
