_base_ = 'gain.py'

default_hooks = dict(gain=dict(loss=dict(alpha=2.0), interval=2))  # twice the weight in half of the steps
