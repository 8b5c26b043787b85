_base_ = 'gain.py'

default_hooks = dict(gain=dict(interval=2))
