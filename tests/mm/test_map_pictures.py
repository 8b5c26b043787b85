from types import SimpleNamespace

import numpy as np
import torch
from mmengine.structures import BaseDataElement
from PIL import Image

from gain_plugin.mm import MapPictures


def test_photo_and_map_side_by_side(tmp_path):
    Image.fromarray(np.full((6, 8, 3), 100, np.uint8)).save(tmp_path / 'a b.png')
    loop = SimpleNamespace(
        dataloader=SimpleNamespace(dataset=SimpleNamespace(metainfo={'classes': ('cat', 'hot dog')}))
    )
    runner = SimpleNamespace(val_loop=loop, test_loop=loop, work_dir=str(tmp_path / 'work'))
    maps = torch.zeros(1, 6, 8)
    maps[:, :3] = 0.2  # the maximum is red, whatever it is
    sample = BaseDataElement(gt_label=[1], attention_maps=maps, img_path=str(tmp_path / 'a b.png'))
    hook = MapPictures(count=2)
    hook.before_val(runner)
    for _ in range(3):
        hook.after_val_iter(runner, 0, None, [sample])
    written = sorted(path.name for path in (tmp_path / 'work/maps').iterdir())
    assert written == ['001_a b_hot dog.jpg', '002_a b_hot dog.jpg']  # no more than the first two
    with Image.open(tmp_path / 'work/maps' / written[0]) as image:
        pixels = np.asarray(image).astype(int)
    assert pixels.shape == (6, 16, 3)
    assert abs(pixels[:, :7] - 100).max() < 40  # JPEG
    red, blue = pixels[0, -1], pixels[-1, -1]
    assert red[0] > red[2] + 60 and blue[2] > blue[0] + 60
    hook.before_test(runner)
    (tmp_path / 'work/maps' / written[0]).unlink()
    hook.after_test_iter(runner, 0, None, [sample])
    assert (tmp_path / 'work/maps' / written[0]).exists()
