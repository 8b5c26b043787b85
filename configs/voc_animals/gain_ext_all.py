_base_ = 'gain.py'

# the masks of all 437 photos of the list train, 14 % of those trained on; about half of each batch is drawn from these
tagged = _base_.train_dataloader.dataset
masked = dict(
    type='RepeatDataset',
    times=7,
    dataset={**tagged, 'ann_file': 'ImageSets/Segmentation/train.txt', 'masks': 'all'},
)
custom_hooks = [{**_base_.custom_hooks[0], 'loss': dict(ext_weight=3.0)}]
train_dataloader = dict(dataset=dict(_delete_=True, type='ConcatDataset', datasets=[tagged, masked]))
