_base_ = 'fcn_r50.py'

custom_hooks = [dict(type='GAINHook', loss=dict(alpha=1.0), gain=dict(scorer='detached'), warmup=200, ramp=100)]
