import subprocess
import sys
from pathlib import Path

import gain_plugin


def test_importing_needs_torch_only():
    code = (
        'import sys, gain_plugin; '
        "heavy = {'mmengine', 'mmcv', 'mmseg', 'timm', 'scipy', 'sklearn', 'PIL', 'matplotlib', 'click', 'rich'}; "
        'print(sorted(heavy & set(sys.modules)))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'


def test_the_citation_has_the_version():
    assert f'\nversion: {gain_plugin.__version__}\n' in Path('CITATION.cff').read_text()
