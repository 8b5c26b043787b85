from pathlib import Path

import numpy as np
import pytest

CAT, SOFA = 8, 18


@pytest.mark.parametrize(
    ('kind', 'expected'),
    [
        ('superpixels', [[1, 1, 1, 1], [1, 1, 1, 1]]),
        ('parts', [[2, 2, 1, 1], [1, 1, 1, 3]]),
        ('objects', [[2, 2, 3, 3], [3, 3, 3, 1]]),
        ('masks', [[2, 2, 1, 1], [1, 1, 1, 3]]),
    ],
)
def test_two_cats_and_a_sofa_that_is_background(monkeypatch, kind, expected):
    pytest.importorskip('skimage')
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / 'tools/benchmark')
    from regions import regions_of

    mask = np.array([[CAT, CAT, 0, SOFA], [0, 0, 0, CAT]], np.uint8)
    assert regions_of(kind, np.zeros((2, 4, 3), np.uint8), mask).tolist() == expected
