_base_ = 'gain_ext_boxes_5.py'

# the same boxes without self-guidance
custom_hooks = [{**_base_.custom_hooks[0], 'loss': dict(alpha=0.0, ext_weight=3.0)}]
