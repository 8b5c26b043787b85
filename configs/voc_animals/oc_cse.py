_base_ = 'plain.py'

# the setting of OC-CSE (Kweon et al., ICCV 2021): what the map itself covers turns grey, without a soft threshold
default_hooks = dict(
    gain=dict(
        type='GAINHook',
        gain=dict(scorer='frozen', one_class=True, omega=None, fill='zero'),
        warmup=600,
        ramp=100,
    )
)
