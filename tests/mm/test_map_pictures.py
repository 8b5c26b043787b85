from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from PIL import Image

from gain_plugin.mm import MapPictures

SMALL = {
    'train_dataloader.batch_size': 4,
    'train_dataloader.dataset.count': 8,
    'val_dataloader.dataset.count': 4,
    'test_dataloader.dataset.count': 4,
    'train_cfg.max_iters': 5,
    'train_cfg.val_interval': 99,
    'default_hooks.gain.warmup': 2,
    'default_hooks.gain.gain.scorer': 'frozen',
}


@pytest.fixture
def call(tmp_path):
    """Call the hook for a validated sample of a photo in a file."""
    Image.fromarray(np.full((6, 8, 3), 100, np.uint8)).save(tmp_path / 'a b.png')
    loop = SimpleNamespace(
        dataloader=SimpleNamespace(dataset=SimpleNamespace(metainfo={'classes': ('cat', 'hot/dog')}))
    )
    runner = SimpleNamespace(val_loop=loop, test_loop=loop, work_dir=str(tmp_path / 'work'))
    maps = torch.zeros(1, 6, 8)
    maps[:, :3] = 0.2  # the maximum is yellow, whatever it is
    hook = MapPictures(count=2)

    def made(stage, path=tmp_path / 'a b.png', times=3):
        sample = BaseDataElement(gt_label=[1], attention_maps=maps, img_path=str(path))
        getattr(hook, f'before_{stage}')(runner)
        for _ in range(times):
            batch = {'inputs': [torch.full((3, 6, 8), 100, dtype=torch.uint8)]}
            getattr(hook, f'after_{stage}_iter')(runner, 0, batch, [sample])
        return sorted((tmp_path / 'work/maps').iterdir())

    return made


@pytest.mark.parametrize('stage', ['val', 'test'])
@pytest.mark.parametrize('file', ['a b.png', 'drawn by code'])
def test_photo_and_map_side_by_side(call, tmp_path, stage, file):
    written = call(stage, tmp_path / file)
    stem = file.removesuffix('.png').replace(' ', '_')
    assert [path.name for path in written] == [f'00{index}_{stem}_hot_dog.jpg' for index in (1, 2)]  # no more
    with Image.open(written[0]) as image:
        pixels = np.asarray(image).astype(int)
    assert pixels.shape == (6, 16, 3)
    assert abs(pixels[:, :7] - 100).max() < 40  # JPEG
    yellow, blue = pixels[0, -1], pixels[-1, -1]
    assert yellow[0] > yellow[2] + 60 and blue[2] > blue[1] + 20 and blue.sum() < yellow.sum()


def test_each_evaluation_draws_anew(call):
    written = call('val')
    written[0].unlink()
    assert call('test') == written


def runner(work_dir, options=None, guided=True, **hooks):
    cfg = Config.fromfile('configs/synthetic/gain.py')
    cfg.merge_from_dict({**SMALL, **(options or {})})
    cfg.update(work_dir=str(work_dir), experiment_name=work_dir.name, log_level='ERROR')
    cfg.default_hooks.update(hooks)
    if not guided:
        del cfg.default_hooks.gain
    return Runner.from_cfg(cfg)


def test_the_same_photos_while_the_guidance_trains_and_the_same_weights(tmp_path):
    plain = runner(tmp_path / 'plain')
    plain.train()
    drawn = runner(tmp_path / 'drawn', pictures={'type': 'MapPictures', 'count': 2, 'interval': 2})
    drawn.train()
    pictures = sorted((tmp_path / 'drawn').glob('*/vis_data/vis_image/*.png'))
    names = [path.stem.rsplit('_', 1) for path in pictures]
    assert len({name for name, _ in names}) == 2
    assert [step for _, step in names] == ['3', '5'] * 2  # from the first guided iteration on
    with Image.open(pictures[0]) as image:
        assert image.size == (4 * 64, 64 + 20)
    before, after = plain.model.state_dict(), drawn.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_what_pictures_need_is_said_before_training(tmp_path):
    with pytest.raises(ValueError, match='interval must be a whole number of 1 or more, got 0'):
        MapPictures(interval=0)
    pictures = {'type': 'MapPictures', 'interval': 2}
    with pytest.raises(ValueError, match=r'MapPictures\(interval=2\) has no GAINHook: add it, or remove interval'):
        runner(tmp_path / 'a', guided=False, pictures=pictures).train()
    none = {f'{loop}_{part}': None for loop in ('val', 'test') for part in ('dataloader', 'cfg', 'evaluator')}
    with pytest.raises(ValueError, match='has no photos: give the config a val_dataloader'):
        runner(tmp_path / 'b', none, pictures=pictures).train()
