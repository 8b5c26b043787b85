_base_ = 'gain.py'

# boxes of 146 photos, 5 % of them; about half of each batch is drawn from these
tagged = _base_.train_dataloader.dataset
boxed = dict(
    type='RepeatDataset',
    times=21,
    dataset={
        **tagged,
        'ann_file': 'ImageSets/Segmentation/train.txt',
        'indices': list(range(0, 437, 3)),
        'masks': 'all',
        'pipeline': [dict(type='FillBoxes'), *tagged.pipeline],
    },
)
custom_hooks = [{**_base_.custom_hooks[0], 'loss': dict(ext_weight=3.0)}]
train_dataloader = dict(dataset=dict(_delete_=True, type='ConcatDataset', datasets=[tagged, boxed]))
