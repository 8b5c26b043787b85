_base_ = 'plain.py'

default_hooks = dict(
    gain=dict(
        type='GAINHook',
        gain=dict(scorer='frozen', one_class=True),
        warmup=1000,
        ramp=100,
    )
)
