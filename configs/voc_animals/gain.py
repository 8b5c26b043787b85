_base_ = 'plain.py'

custom_hooks = [
    dict(
        type='GAINHook',
        loss=dict(alpha=0.5, score='bce'),
        gain=dict(scorer='frozen', one_class=True),
        warmup=600,
        ramp=100,
    )
]
