_base_ = 'masks.py'

# boxes of some photos, drawn as masks: seeds cannot be compared with them, boxes around maps can
val_evaluator = [dict(type='MultiLabelAP'), dict(type='Localization')]
test_evaluator = val_evaluator
