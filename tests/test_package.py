import subprocess
import sys


def test_importing_needs_torch_only():
    code = (
        'import sys, gain_plugin; '
        "heavy = {'mmengine', 'mmcv', 'mmseg', 'timm', 'scipy', 'sklearn', 'PIL', 'matplotlib', 'click', 'rich'}; "
        'print(sorted(heavy & set(sys.modules)))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'
