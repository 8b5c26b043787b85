_base_ = 'plain.py'

# as many passes through the network after the start as 300 steps of GAIN make
train_cfg = dict(max_iters=1200, val_interval=1200)
param_scheduler = [dict(type='MultiStepLR', milestones=[600], gamma=0.5, end=1200, by_epoch=False)]
