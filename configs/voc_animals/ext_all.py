_base_ = 'gain_ext_all.py'

# the same masks without self-guidance
default_hooks = dict(gain=dict(loss=dict(alpha=0.0)))
