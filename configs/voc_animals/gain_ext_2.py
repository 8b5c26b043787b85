_base_ = 'gain.py'

# masks of 63 photos, 2 % of them; about half of each batch is drawn from these
tagged = _base_.train_dataloader.dataset
masked = dict(
    type='RepeatDataset',
    times=50,
    dataset={
        **tagged,
        'ann_file': 'ImageSets/Segmentation/train.txt',
        'indices': list(range(0, 437, 7)),
        'masks': 'all',
    },
)
custom_hooks = [{**_base_.custom_hooks[0], 'loss': dict(ext_weight=3.0)}]
train_dataloader = dict(dataset=dict(_delete_=True, type='ConcatDataset', datasets=[tagged, masked]))
