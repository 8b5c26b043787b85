_base_ = 'plain.py'

custom_hooks = [dict(type='GAINHook', gain=dict(scorer='detached', one_class=True), warmup=600, ramp=100)]
