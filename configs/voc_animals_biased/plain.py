_base_ = '../_base_/voc_animals.py'

# a disc in the background tells each label in training and says nothing in testing
sign = dict(type='Sign', num_classes=len(_base_.classes), telling=True)
pipeline = _base_.train_dataloader.dataset.pipeline
train_dataloader = dict(dataset=dict(pipeline=[*pipeline[:-1], sign, pipeline[-1]]))
pipeline = _base_.val_dataloader.dataset.pipeline
val_dataloader = dict(dataset=dict(pipeline=[*pipeline[:-1], {**sign, 'telling': False}, pipeline[-1]]))
test_dataloader = val_dataloader
