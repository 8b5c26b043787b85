_base_ = 'gain_ext_2.py'

# the same masks without self-guidance
default_hooks = dict(gain=dict(loss=dict(alpha=0.0)))
