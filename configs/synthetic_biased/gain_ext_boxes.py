_base_ = 'gain.py'

# boxes of the first 80 scenes, about 20 a class; about half of each batch is drawn from these
tagged = _base_.train_dataloader.dataset
boxed = {
    **tagged,
    'count': 80,
    'masks': True,
    'pipeline': [dict(type='FillBoxes'), *tagged.pipeline],
}
train_dataloader = dict(dataset=dict(_delete_=True, type='BalancedConcat', datasets=[tagged, boxed]))
