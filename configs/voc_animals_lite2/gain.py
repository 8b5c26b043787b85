_base_ = 'plain.py'

default_hooks = dict(
    gain=dict(
        type='GAINHook',
        gain=dict(scorer='frozen', one_class=True),
        warmup=_base_.start,
        ramp=50,
    )
)
