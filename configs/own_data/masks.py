_base_ = '../_base_/own_data.py'

# masks of some photos, of which about half of each batch is drawn
train_dataloader = dict(
    sampler=dict(_delete_=True, type='MaskedSampler', share=0.5), dataset=dict(masks='train_masks.txt')
)
default_hooks = dict(gain=dict(loss=dict(ext_weight=3.0)))
val_dataloader = dict(dataset=dict(masks='val_masks.txt'))
test_dataloader = val_dataloader
val_evaluator = [dict(type='MultiLabelAP'), dict(type='SeedIoU')]
test_evaluator = val_evaluator
