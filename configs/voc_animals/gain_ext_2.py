_base_ = 'gain.py'

# masks of 63 photos, 2 % of them; about half of each batch is drawn from these
tagged = _base_.train_dataloader.dataset
masked = {
    **tagged,
    'ann_file': 'ImageSets/Segmentation/train.txt',
    'indices': list(range(0, 437, 7)),
    'masks': 'all',
}
default_hooks = dict(gain=dict(loss=dict(ext_weight=3.0)))
train_dataloader = dict(dataset=dict(_delete_=True, type='BalancedConcat', datasets=[tagged, masked]))
