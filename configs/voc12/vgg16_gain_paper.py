_base_ = 'vgg16_plain.py'

# the paper's equations, from the first step on: shared weights, alpha 1, every class of an image erased in turn, on
# maps of the last convolution (14 x 14). The paper does not say whether Eq. 5 takes the score as a logit or a
# probability, how a map is scaled (here by its maximum), sigma and omega of Eq. 4 (here 0.5 and 10), or whether
# gradients flow through the weights of Eq. 1 (here they do). Its erased pixels are zero, which is grey, the mean
# colour, for normalised images.
default_hooks = dict(
    gain=dict(
        type='GAINHook',
        loss=dict(alpha=1.0, mining='probability'),
        gain=dict(scorer='shared', fill='zero', sigma=0.5, omega=10.0, one_class=False),
        warmup=0,
        ramp=0,
    )
)
