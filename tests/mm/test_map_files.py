from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement

from gain_plugin.mm import MapFiles


class Photos:
    """Two photos of one file name in two folders; an id in the data set's own words, and none."""

    infos = ({'img_path': '/x/a/1.jpg', 'img_id': 'a/1'}, {'img_path': '/x/b/2.jpg'})

    def __len__(self):
        return len(self.infos)

    def get_data_info(self, index):
        return self.infos[index]


@pytest.fixture
def tested(tmp_path):
    """Hand two samples to the hook: classes 3 and 1, and none."""

    def run(form, **given):
        hook = MapFiles(str(tmp_path / 'out'), form)
        hook.before_test(SimpleNamespace(test_loop=SimpleNamespace(dataloader=SimpleNamespace(dataset=Photos()))))
        given = given or {'attention_maps': torch.tensor([0.25, 0.5])[:, None, None].expand(2, 4, 8)}
        samples = [
            BaseDataElement(metainfo={'img_path': '/x/a/1.jpg', 'gt_label': [3, 1]}, **given),
            BaseDataElement(metainfo={'img_path': '/x/b/2.jpg', 'gt_label': []}, attention_maps=torch.zeros(0, 4, 8)),
        ]
        hook.after_test_iter(None, 0, None, samples)
        return tmp_path / 'out'

    return run


def test_files_in_the_folders_of_their_photos(tested):
    out = tested('irn')
    content = np.load(out / 'a/1.npy', allow_pickle=True).item()
    assert content['keys'].tolist() == [1, 3]
    assert content['high_res'][:, 0, 0].tolist() == [0.25, 0.5]  # maps ascend by class
    assert len(np.load(out / '2.npy', allow_pickle=True).item()['keys']) == 0


def test_what_is_missing(tested):
    with pytest.raises(ValueError, match=r"form must be one of \['arrays', 'boxes', 'irn', 'psa'\], got 'png'"):
        MapFiles('out', 'png')
    with pytest.raises(ValueError, match='samples have no attention_maps: add'):
        tested('psa', other=torch.zeros(1))
