_base_ = 'plain.py'

# Hide-and-Seek (Singh and Lee, ICCV 2017), with holes at any place: nearly half of the image turns grey
pipeline = _base_.train_dataloader.dataset.pipeline
holes = dict(type='RandomCutOut', prob=0.8, n_holes=(16, 20), cutout_shape=(32, 32), fill_in=(127, 127, 127))
train_dataloader = dict(dataset=dict(pipeline=[*pipeline[:-1], holes, pipeline[-1]]))
