default_scope = 'mmseg'
custom_imports = dict(imports=['gain_plugin.mm'])
randomness = dict(seed=0)
# photos differ in size: cuDNN would try its algorithms anew for each
env_cfg = dict(cudnn_benchmark=False, dist_cfg=dict(backend='nccl'))
log_processor = dict(by_epoch=False, mean_pattern=r'.*(loss|time|grad_norm|gain/).*')  # means of ten steps
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    checkpoint=dict(type='WholeCheckpointHook', by_epoch=False, interval=300, max_keep_ckpts=1),
    seed=dict(type='StepSeedHook'),
)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
val_evaluator = [dict(type='MultiLabelAP'), dict(type='SeedIoU'), dict(type='Localization')]
test_evaluator = val_evaluator
