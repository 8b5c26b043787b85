# inherit this beside a config of mmseg: names with dots work in Python-style configs, too
custom_imports = dict(imports=['gain_plugin.mm'])
custom_hooks = [dict(type='gain_plugin.mm.GAINHook')]
