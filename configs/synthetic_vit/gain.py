_base_ = 'plain.py'

custom_hooks = [
    dict(
        type='GAINHook',
        loss=dict(alpha=1.0),
        gain=dict(scorer='detached', one_class=True),
        warmup=1000,
        ramp=100,
    )
]
