_base_ = '../synthetic_vit/plain.py'

# the mean of the patches is classified, without a class token
model = dict(network=dict(global_pool='avg', class_token=False))
