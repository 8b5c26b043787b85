_base_ = ['../_base_/voc_animals_labels.py', '../_base_/deeplabv3plus.py']

model = dict(decode_head=dict(num_classes=7))
