_base_ = 'plain.py'

custom_hooks = [dict(type='GAINHook', gain=dict(scorer='frozen', one_class=True), warmup=_base_.start, ramp=3700)]
