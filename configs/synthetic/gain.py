_base_ = 'plain.py'

custom_hooks = [
    dict(
        type='GAINHook',
        loss=dict(alpha=0.3, score='bce'),
        gain=dict(target_layer='network.features', score_layer='network', scorer='frozen', one_class=True),
        warmup=200,
        ramp=100,
    )
]
