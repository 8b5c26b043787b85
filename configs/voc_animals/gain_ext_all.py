_base_ = 'gain.py'

# the masks of all 437 photos of the list train, 14 % of those trained on; about half of each batch is drawn from these
tagged = _base_.train_dataloader.dataset
masked = {**tagged, 'ann_file': 'ImageSets/Segmentation/train.txt', 'masks': 'all'}
default_hooks = dict(gain=dict(loss=dict(ext_weight=3.0)))
train_dataloader = dict(dataset=dict(_delete_=True, type='BalancedConcat', datasets=[tagged, masked]))
