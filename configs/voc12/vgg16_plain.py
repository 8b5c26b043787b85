_base_ = '../_base_/voc12.py'

# the paper's classifier without its guidance: VGG16 from ImageNet weights, SGD with rate 1e-5, batches of one image, 35
# passes over the 10,582 photos. The paper does not say the size of images and crops, the augmentation, momentum, weight
# decay and dropout, or whether the new layer learns faster. Here the crops are VGG's 224 x 224, the last layer learns
# as the others do, and momentum, weight decay and dropout are those that VGG was trained with.
size = (224, 224)
train_dataloader = dict(
    batch_size=1,
    dataset=dict(
        pipeline=[
            dict(type='RandomResize', scale=(320, 320), ratio_range=(0.75, 1.25), keep_ratio=True),
            dict(type='RandomCrop', crop_size=size),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs', meta_keys=_base_.meta_keys),
        ]
    ),
)
val_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(
                type='KeyMapper',
                mapping=dict(img='img'),
                remapping=dict(img='img', img_shape='img_shape'),
                transforms=[dict(type='Resize', scale=(320, 320), keep_ratio=True)],
            ),
            dict(type='PackSegInputs', meta_keys=_base_.meta_keys),
        ]
    )
)
test_dataloader = val_dataloader
model = dict(
    type='MultiLabelClassifier',  # with the multi-label soft margin
    network=dict(
        type='timm.create_model',
        model_name='vgg16.tv_in1k',
        pretrained=True,
        num_classes=_base_.num_classes,
        drop_rate=0.5,
    ),
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], size=size
    ),
)
iterations = 35 * 10582
train_cfg = dict(type='IterBasedTrainLoop', max_iters=iterations, val_interval=iterations)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=1e-5, momentum=0.9, weight_decay=5e-4))
default_hooks = dict(checkpoint=dict(interval=10000))  # of 1.1 GB
