import numpy as np
import pytest
import torch
from torch import nn

from gain_plugin import CAM, blur, erase, soft_mask
from gain_plugin.explain import Network, class_indices, explain, restore_images

CLASSES = ('tabby, tabby cat', 'tiger cat', 'crane', 'crane')


class Bright(nn.Module):
    """Scores the brightness of each colour, so that its maps are the colours themselves."""

    def __init__(self):
        super().__init__()
        self.features = nn.Identity()

    def forward(self, images):
        return self.features(images * 1.0).mean((-2, -1))


@pytest.fixture
def network():
    def prepare(photo):  # two columns of padding
        image = torch.from_numpy(photo).permute(2, 0, 1)[None] / 255
        return nn.functional.pad(image, (0, 2)), photo.shape[:2]

    restore = lambda images: restore_images(images, torch.zeros(3), torch.full((3,), 255.0))  # noqa: E731
    cam = CAM(Bright(), target_layer='features', score_layer='').eval()
    return Network(cam, ('red', 'green', 'blue'), prepare, restore, torch.sigmoid, (1.0,), False, 'bright')


@pytest.fixture
def photo():
    photo = np.zeros((64, 62, 3), np.uint8)
    photo[:32, :, 0] = 255
    photo[:, 31:, 1] = 128
    return photo


def test_maps_and_scores_by_hand(network, photo):
    seen = explain(network, photo, [1, 0])
    assert seen.classes == [1, 0]
    assert torch.allclose(seen.maps[1], torch.from_numpy(photo[..., 0] / 255).float(), atol=1e-3)
    assert torch.allclose(seen.masks, soft_mask(seen.maps))
    images, _ = network.prepare(photo)
    for place, cls in enumerate((1, 0)):
        own = images[:, cls] / images[:, cls].max()
        erased = erase(images, soft_mask(own), blur(images))
        assert seen.before[place] == pytest.approx(images[0, cls].mean().sigmoid().item(), abs=1e-5)
        assert seen.after[place] == pytest.approx(erased[0, cls].mean().sigmoid().item(), abs=1e-4)
    assert seen.erased.shape == (2, 64, 62, 3)  # without the padding
    assert seen.erased[1, :10, :, 0].mean() < 255 > seen.erased[1, :10, :, 0].min()


def test_the_best_scores_come_first(network, photo):
    seen = explain(network, photo, 2)
    assert seen.classes == [0, 1]
    assert seen.before[0] > seen.before[1]
    assert len(explain(network, photo, 9).classes) == 3


def test_a_class_that_nothing_speaks_for_has_an_empty_map(network, photo):
    seen = explain(network, photo, [2])
    assert not seen.maps.any()


def test_classes_by_name_part_and_number():
    assert class_indices(['Tabby', 'tiger CAT', '3', 'tabby, tabby cat'], CLASSES) == [0, 1, 3, 0]


def test_unknown_and_ambiguous_names_are_refused():
    with pytest.raises(ValueError, match="'crane' may be any of 2: crane; 3: crane"):
        class_indices(['crane'], CLASSES)
    with pytest.raises(ValueError, match="'cat' is none of the 4 classes, as tabby, tabby cat; tiger cat"):
        class_indices(['cat'], CLASSES)
