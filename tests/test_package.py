import subprocess
import sys


def test_importing_needs_torch_only():
    code = (
        'import sys, gain_plugin; '
        "print(sorted({'mmengine', 'mmcv', 'mmseg', 'timm', 'scipy', 'sklearn', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'
