_base_ = 'fcn_r18.py'

model = dict(backbone=dict(depth=50), decode_head=dict(in_channels=2048))
