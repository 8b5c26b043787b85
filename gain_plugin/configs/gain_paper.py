# the paper's equations, to be inherited like gain.py: it loses to plain training on photos (docs/evidence.md)
custom_imports = dict(imports=['gain_plugin.mm'])
custom_hooks = [
    dict(
        type='gain_plugin.mm.GAINHook',
        loss=dict(alpha=1.0, mining='probability'),
        gain=dict(scorer='shared', fill='zero', one_class=False),
        warmup=0,
        ramp=0,
    )
]
