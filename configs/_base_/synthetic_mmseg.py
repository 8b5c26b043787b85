_base_ = 'synthetic.py'

# segmentors of mmseg, trained on tags alone
train_dataloader = dict(
    dataset=dict(pipeline=[dict(type='TagsAsMask'), dict(type='PackSegInputs', meta_keys=_base_.meta_keys)])
)
default_hooks = dict(attention=dict(_delete_=True, type='AttentionHook', num_classes=4))
data_preprocessor = dict(type='SegDataPreProcessor', mean=[127.5] * 3, std=[64.0] * 3, size=(64, 64))
