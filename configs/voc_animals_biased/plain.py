_base_ = '../_base_/voc_animals.py'

# a disc in the background tells each label in training and says nothing in testing
cue = dict(type='SpuriousCue', num_classes=len(_base_.classes), biased=True)
pipeline = _base_.train_dataloader.dataset.pipeline
train_dataloader = dict(dataset=dict(pipeline=[*pipeline[:-1], cue, pipeline[-1]]))
pipeline = _base_.val_dataloader.dataset.pipeline
val_dataloader = dict(dataset=dict(pipeline=[*pipeline[:-1], {**cue, 'biased': False}, pipeline[-1]]))
test_dataloader = val_dataloader
