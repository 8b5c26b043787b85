_base_ = 'plain.py'

custom_hooks = [
    dict(
        type='GAINHook',
        gain=dict(scorer='frozen', one_class=True),
        warmup=1000,
        ramp=100,
    )
]
