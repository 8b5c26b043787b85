_base_ = 'segformer_b0.py'

default_hooks = dict(
    gain=dict(type='GAINHook', loss=dict(alpha=1.0), gain=dict(scorer='detached'), warmup=200, ramp=100)
)
