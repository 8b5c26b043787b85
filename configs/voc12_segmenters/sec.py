_base_ = ['../_base_/voc12_labels.py', '../_base_/sec.py']

custom_imports = dict(imports=['gain_plugin.mm', 'gain_plugin.mm.sec'])
train_dataloader = dict(dataset=dict(pipeline=_base_.sec_pipeline))
model = dict(decode_head=dict(num_classes=21))
