_base_ = ['../_base_/voc12.py', '../_base_/resnet50.py']

# as configs/voc_animals/plain.py, for more photos: 5 passes over the 10,582, and half as many with half the rate
model = dict(network=dict(num_classes=_base_.num_classes))
start = 3300  # steps of plain training that every method begins with
iterations = 4950
train_cfg = dict(type='IterBasedTrainLoop', max_iters=iterations, val_interval=iterations)
param_scheduler = [dict(type='MultiStepLR', milestones=[start], gamma=0.5, end=iterations, by_epoch=False)]
