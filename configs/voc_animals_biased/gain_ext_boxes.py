_base_ = 'gain.py'

# boxes of 146 photos, about 20 a class; about half of each batch is drawn from these
tagged = _base_.train_dataloader.dataset
boxed = {
    **tagged,
    'ann_file': 'ImageSets/Segmentation/train.txt',
    'indices': list(range(0, 437, 3)),
    'masks': 'all',
    'pipeline': [dict(type='FillBoxes'), *tagged.pipeline],
}
default_hooks = dict(gain=dict(loss=dict(ext_weight=3.0)))
train_dataloader = dict(dataset=dict(_delete_=True, type='BalancedConcat', datasets=[tagged, boxed]))
