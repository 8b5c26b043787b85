_base_ = 'plain.py'

# CutMix (Yun et al., ICCV 2019) in every batch
model = dict(mix=dict(type='torchvision.transforms.v2.CutMix', alpha=1.0))
