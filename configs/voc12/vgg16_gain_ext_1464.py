_base_ = 'vgg16_gain_paper.py'

# Eq. 8 with the masks of all 1,464 photos of the list train. About half of the images are drawn from these: the paper
# gives them a stream of their own, and does not say how often.
tagged = _base_.train_dataloader.dataset
masked = {
    **tagged,
    'ann_file': 'ImageSets/Segmentation/train.txt',
    'masks': 'all',
}
default_hooks = dict(gain=dict(loss=dict(alpha=1.0, mining='probability', ext_weight=10.0)))
train_dataloader = dict(dataset=dict(_delete_=True, type='BalancedConcat', datasets=[tagged, masked]))
