_base_ = 'plain.py'

# the paper's equations: shared weights, the probability of the erased class, grey in place of what is erased
default_hooks = dict(
    gain=dict(
        type='GAINHook',
        loss=dict(alpha=1.0, mining='probability'),
        gain=dict(scorer='shared', fill='zero', one_class=False),
        warmup=600,
        ramp=0,
    )
)
