import os
from pathlib import Path

import pytest
import torch
from tiny import Tiny
from torch import Tensor

SLOW = """
commands/test_maps layers/test_attached layers/test_search mm/test_comparison mm/test_distributed mm/test_pipeline
mm/test_pseudo_labels mm/test_segmentors report/test_page test_configs test_docs test_layers test_notebook
test_own_data_doc test_pipeline test_sweep test_tools
""".split()  # files that train, or build many networks

if 'PYTEST_XDIST_WORKER' in os.environ:  # a core each, for the processes that tests start, too
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    torch.set_num_threads(1)


def pytest_configure(config: pytest.Config) -> None:
    """Let a process that is done take tests of the other: one of them may be at a slow file."""
    if config.getoption('dist', 'no') == 'load':
        config.option.dist = 'worksteal'


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow files, which ``-m 'not slow and not gpu'`` leaves out."""
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).with_suffix('').as_posix() in SLOW:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def tiny() -> type[Tiny]:
    return Tiny


@pytest.fixture
def images() -> Tensor:
    return torch.randn(4, 3, 16, 18)


@pytest.fixture
def labels() -> Tensor:
    """Two, none, one and three labels."""
    return torch.tensor([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1]])
