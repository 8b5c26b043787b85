_base_ = '../_base_/synthetic.py'

# a sign in the background tells the label in training and says nothing in testing
train_dataloader = dict(dataset=dict(sign='telling'))
val_dataloader = dict(dataset=dict(sign='random'))
test_dataloader = val_dataloader
