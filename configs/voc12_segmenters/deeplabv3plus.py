_base_ = ['../_base_/voc12_labels.py', '../_base_/deeplabv3plus.py']

model = dict(decode_head=dict(num_classes=21))
iterations = 20000  # 28 passes over the 10,582 photos
train_cfg = dict(max_iters=iterations, val_interval=iterations)
param_scheduler = [dict(type='PolyLR', eta_min=1e-4, power=0.9, begin=0, end=iterations, by_epoch=False)]
