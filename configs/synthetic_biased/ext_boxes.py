_base_ = 'gain_ext_boxes.py'

# the same boxes without self-guidance
default_hooks = dict(gain=dict(loss=dict(alpha=0.0)))
