_base_ = 'gain.py'

default_hooks = dict(gain=dict(gain=dict(erased_scale=0.5)))
