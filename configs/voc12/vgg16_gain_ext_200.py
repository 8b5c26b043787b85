_base_ = 'vgg16_gain_paper.py'

# Eq. 8 with the masks of 200 photos of the list train, 2 % of those trained on; the paper takes them at random. About
# half of the images are drawn from these: the paper gives them a stream of their own, and does not say how often.
tagged = _base_.train_dataloader.dataset
masked = {
    **tagged,
    'ann_file': 'ImageSets/Segmentation/train.txt',
    'indices': list(range(0, 1400, 7)),
    'masks': 'all',
}
default_hooks = dict(gain=dict(loss=dict(alpha=1.0, mining='probability', ext_weight=10.0)))
train_dataloader = dict(dataset=dict(_delete_=True, type='BalancedConcat', datasets=[tagged, masked]))
