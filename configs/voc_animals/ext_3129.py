_base_ = 'plain.py'

# what the network can learn in these steps: the masks of all photos, without self-guidance
train_dataloader = dict(dataset=dict(masks='all'))
default_hooks = dict(
    gain=dict(
        type='GAINHook', loss=dict(alpha=0.0, ext_weight=3.0), gain=dict(scorer='frozen', one_class=True), warmup=600
    )
)
