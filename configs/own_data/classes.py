_base_ = '../_base_/own_data.py'

# one class a photo, as in class folders: a softmax over the classes
model = dict(criterion=dict(type='torch.nn.CrossEntropyLoss'))
default_hooks = dict(gain=dict(loss=dict(mining='softmax_ce')))
