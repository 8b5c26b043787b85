import io

import numpy as np
import pytest
from PIL import Image

from gain_plugin.readers import read_huggingface

datasets = pytest.importorskip('datasets')


def encoded(kind):
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(buffer, kind)
    return buffer.getvalue()


def dataset(labels, kind, images=('PNG', 'JPEG')):
    names = datasets.ClassLabel(names=['cat', 'hot dog'])
    feature = datasets.Sequence(names) if kind == 'labels' else names
    rows = {'image': [one and {'bytes': encoded(one), 'path': None} for one in images], kind: labels}
    return datasets.Dataset.from_dict(rows, datasets.Features({'image': datasets.Image(), kind: feature}))


@pytest.mark.parametrize(
    ('kind', 'labels', 'expected'), [('label', [1, 0], [(1,), (0,)]), ('labels', [[1, 0], []], [(0, 1), ()])]
)
def test_photos_are_written_as_they_are_encoded(tmp_path, kind, labels, expected):
    found = read_huggingface(dataset(labels, kind), tmp_path / 'photos')
    assert found.classes == ('cat', 'hot dog')
    assert [one.name for one in found.photos] == ['0.png', '1.jpeg']
    assert [one.labels for one in found.photos] == expected
    assert (tmp_path / 'photos/1.jpeg').read_bytes() == encoded('JPEG')


def test_what_is_wrong_is_named(tmp_path):
    data = dataset([1, 0], 'label')
    for arguments, message in (
        ({'image': 'img'}, "no column 'img' among"),
        ({'labels': 'tags'}, "no column 'tags' among"),
        ({'image': 'label'}, "column 'label' must hold images"),
        ({'labels': 'image'}, "column 'image' must be a ClassLabel"),
    ):
        with pytest.raises(ValueError, match=message):
            read_huggingface(data, tmp_path, **arguments)
    with pytest.raises(ValueError, match='row 1 has no image'):
        read_huggingface(dataset([1, 0], 'label', ('PNG', None)), tmp_path)
    with pytest.raises(ValueError, match='row 0 has the label -1'):
        read_huggingface(dataset([-1, 0], 'label'), tmp_path)
