import importlib
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gain_plugin import GAIN
from gain_plugin.tags import Tags

SHEEP, HORSE, COW, CAT = 17, 13, 10, 8  # in VOC's masks


@pytest.fixture(autouse=True)
def tools(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / 'tools')


@pytest.fixture
def pasted():
    return importlib.import_module('pasted_animals')


@pytest.fixture
def biased():
    return importlib.import_module('biased_photos')


def test_the_largest_area_of_an_animal_is_cut_out(pasted):
    image, mask = np.full((200, 200, 3), 7, np.uint8), np.zeros((200, 200), np.uint8)
    mask[:20, :20] = mask[50:150, 60:140] = SHEEP
    mask[50, 60] = 255  # unknown
    own = pasted.cut_out(image, mask, 'sheep')
    assert own.shape == (100, 80, 4)
    assert (own[..., 3] == 255).sum() == 100 * 80 - 1 and own[0, 0, 3] == 0
    assert pasted.cut_out(image, mask, 'horse') is None
    mask[60:] = 0
    assert pasted.cut_out(image, mask, 'sheep') is None  # 10 pixels high


def test_a_background_has_no_object(pasted):
    image, mask = np.zeros((200, 100, 3), np.uint8), np.zeros((200, 100), np.uint8)
    image[120:] = 9
    mask[20:120, 40:90] = 1
    mask[60, 30] = 255
    ground = pasted.background(image, mask, 'cow')
    assert ground.shape == (80, 100, 3) and (ground == 9).all()
    mask[199, 99] = 1
    assert pasted.background(image, mask, 'cow') is None


def test_an_animal_is_pasted_where_its_mask_says(pasted):
    animal = np.full((50, 100, 4), 200, np.uint8)
    animal[:, :50, 3] = 0
    for seed in range(5):
        image, mask = pasted.compose(animal, np.full((70, 90, 3), 30, np.uint8), 40, np.random.default_rng(seed))
        assert image.shape == (40, 40, 3) and mask.shape == (40, 40)
        assert (abs(image[mask == 1].astype(int) - 200) <= 2).all() and (image[mask == 0] == 30).all()
        assert 24 * 12 / 2 * 0.8 <= mask.sum() <= 36 * 18 / 2 * 1.2  # the right half of 60 to 90 % of the side


def test_no_photo_is_in_two_splits(pasted, monkeypatch):
    lists = {'train_aug': list('abcdefghijkl'), 'train': ['b'], 'val': ['x']}
    monkeypatch.setattr(pasted, 'read_list', lambda path: lists[path.stem])
    photos = pasted.splits()
    assert photos == {'train': list('cdefhijk'), 'held_out': ['a', 'g', 'l'], 'test': ['b', 'x']}


def test_the_place_tells_the_animal_as_often_as_asked(pasted, monkeypatch):
    shown = {str(value): (value - 1,) for value in (SHEEP, HORSE, COW, CAT)}

    def photo(value):
        image, mask = np.full((200, 200, 3), int(value), np.uint8), np.zeros((200, 200), np.uint8)
        mask[:80] = int(value)
        return image, mask

    tags = Tags(Path(), {**shown, 'both': (SHEEP - 1, CAT - 1)})
    monkeypatch.setattr(pasted, 'read_tags', lambda *_: tags)
    monkeypatch.setattr(pasted, '_photo', photo)
    data = pasted.paste([*shown, 'both'], 20, 0.8, 32, 0)
    assert data.groups.bincount().tolist() == [8, 2, 2, 8]
    for image, label, place, mask in zip(data.images, data.labels, data.places, data.masks, strict=True):
        assert set(mask.unique().tolist()) == {0, int(label) + 1}
        assert (image[:, mask > 0] == (SHEEP, HORSE)[label]).all() and (image[:, mask == 0] == (COW, CAT)[place]).all()
    assert torch.equal(data.images, pasted.paste([*shown], 20, 0.8, 32, 0).images)
    assert not torch.equal(data.masks, pasted.paste([*shown], 20, 0.8, 32, 1).masks)


def test_groups_are_animal_and_place(pasted):
    some = pasted.Pasted(None, torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1]), None)
    assert [pasted.GROUPS[group] for group in some.groups] == list(pasted.GROUPS)


def data_of(pasted, labels, places):
    masks = torch.zeros(len(labels), 8, 8, dtype=torch.uint8)
    masks[:, 2:4, 3] = labels[:, None].to(torch.uint8) + 1
    masks[:, 4, 5] = labels.to(torch.uint8) + 1
    images = torch.full((len(labels), 3, 8, 8), 50, dtype=torch.uint8)
    return pasted.Pasted(images + 100 * labels[:, None, None, None].to(torch.uint8), labels, places, masks)


def test_boxes_are_of_as_many_images_of_either_animal(pasted, biased, monkeypatch):
    monkeypatch.setattr(biased, 'BOXES', 4)
    data = data_of(pasted, torch.arange(12) // 6, torch.zeros(12, dtype=torch.long))
    index, masks = biased.boxed(data)
    assert index.tolist() == [0, 3, 6, 9]
    box = torch.zeros(8, 8, dtype=torch.uint8)
    box[2:5, 3:6] = 2
    assert torch.equal(masks[9], box)
    assert (masks[1] == 255).all()


def test_group_dro_weighs_what_is_learnt_worst(biased):
    weighted = biased.GroupDRO(step_size=1.0)
    losses, groups = torch.tensor([1.0, 3.0, 0.0]), torch.tensor([0, 0, 3])
    means = torch.tensor([2.0, 0.0, 0.0, 0.0])
    first = torch.softmax(means, 0)
    weighted(losses.requires_grad_(), groups).backward()
    np.testing.assert_allclose(losses.grad, [first[0] / 2, first[0] / 2, first[3]])
    assert float(weighted(losses, groups).detach()) == pytest.approx(float((torch.softmax(2 * means, 0) * means).sum()))


def test_half_of_a_batch_has_a_box_or_groups_are_alike(pasted, biased):
    data = data_of(pasted, torch.arange(400) // 200, (torch.arange(400) % 100 == 0).long())
    random = torch.Generator().manual_seed(0)
    with_box = torch.tensor([7, 11])
    drawn = biased.draw(data, random, with_box, balanced=False)
    assert set(drawn[8:].tolist()) <= {7, 11} and len(drawn) == 16
    drawn = torch.cat([biased.draw(data, random, None, balanced=True) for _ in range(50)])
    assert (data.groups[drawn].bincount(minlength=4) > 800 / 4 * 0.75).all()


def test_what_keeps_its_label_is_the_rest(biased):
    torch.manual_seed(0)
    classifier = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    images, labels = torch.randn(2, 3, 8, 8), torch.tensor([[1, 0], [0, 1]])
    model = GAIN(classifier, biased.KeepLabel(), scorer='shared', fill='zero')
    _, losses = model(images, labels)
    losses['loss_keep'].backward()
    own = [weight.grad.clone() for weight in classifier.parameters()]
    erased = images * (1 - model.mask(model.attention(images, labels)))[:, None]
    expected = F.binary_cross_entropy_with_logits(classifier(erased), labels.float())
    torch.testing.assert_close(losses['loss_keep'], expected)
    classifier.zero_grad()
    expected.backward()
    torch.testing.assert_close(own, [weight.grad for weight in classifier.parameters()])


class Pooled(nn.Module):
    """Mean colours and a head, with timm's names."""

    def __init__(self):
        super().__init__()
        self.classifier = nn.Linear(3, 2)

    def get_classifier(self):
        return self.classifier

    def forward_features(self, images):
        return images

    def forward_head(self, features, pre_logits):
        return features.mean((2, 3))


def test_the_last_layer_is_that_of_a_logistic_regression(pasted, biased, monkeypatch):
    monkeypatch.setattr(biased, 'STRENGTHS', [0.1])
    from sklearn.linear_model import LogisticRegression

    data = data_of(pasted, torch.arange(40) % 2, torch.zeros(40, dtype=torch.long))
    data.images += torch.arange(40, dtype=torch.uint8)[:, None, None, None]
    data.images[:, 1] += torch.arange(40, dtype=torch.uint8)[:, None, None] ** 2 % 7
    classifier = Pooled()
    biased.retrain_last_layer(classifier, data)
    features = biased.normalized(data.images).mean((2, 3))
    scaled = ((features - features.mean(0)) / features.std(0, correction=0)).numpy()
    expected = LogisticRegression(C=0.1, max_iter=1000).fit(scaled, data.labels.numpy()).decision_function(scaled)
    scores = classifier.classifier(features).detach()
    np.testing.assert_allclose((scores[:, 1] - scores[:, 0]).numpy(), expected, rtol=1e-3, atol=1e-4)


class Spy:
    """In place of GAIN: keeps what a step gives it."""

    seen: list = []

    def __init__(self, classifier, *_, **__):
        self.classifier = classifier

    def train(self):
        return self

    eval = train

    def __call__(self, images, labels, masks):
        self.seen.append((images, labels, masks))
        return self.classifier(images), {}

    def attention(self, images, labels):
        return torch.ones(len(images), 1, 1)


class ByPlace(Pooled):
    """Says horse where the first colour is bright."""

    def forward(self, images):
        return torch.stack([0 * images[:, 0, 0, 0], images[:, 0, 0, 0]], 1) + 0 * self.classifier(images.mean((2, 3)))


def test_a_step_sees_masks_as_its_images(pasted, biased, monkeypatch):
    for name, value in (('GAIN', Spy), ('STEPS', 6), ('BOXES', 4)):
        monkeypatch.setattr(biased, name, value)
    data = data_of(pasted, torch.arange(12) // 6, torch.zeros(12, dtype=torch.long))
    boxes = biased.boxed(data)[1]
    data.images[:, 0] = (boxes != 0).to(torch.uint8) * boxes
    Spy.seen = []
    biased.train(ByPlace(), data, torch.Generator().manual_seed(0), biased.METHODS['ext_boxes'])
    for images, labels, masks in Spy.seen:
        assert torch.equal(images[:, 0], biased.normalized(masks))
        shown = masks[(masks != 255).flatten(1).all(1)]
        assert len(shown) >= biased.BATCH // 2
        own = labels.argmax(1)[(masks != 255).flatten(1).all(1)]
        assert torch.equal(shown.flatten(1).amax(1), own + 1)
    flipped = {bool((masks[-1, :, 2] > 0).any()) for *_, masks in Spy.seen}  # the box is right of the middle
    assert len(Spy.seen) == 6 and flipped == {False, True}


def test_who_looks_at_the_place_is_right_where_it_leads(pasted, biased, monkeypatch):
    monkeypatch.setattr(biased, 'CAM', Spy)
    data = data_of(pasted, torch.arange(8) // 4, torch.arange(8) % 2)
    data.images[:, 0] = 200 * data.places[:, None, None].to(torch.uint8)
    rated = biased.rate(ByPlace(), data)
    assert list(rated['groups'].values()) == [100, 0, 0, 100]
    assert (rated['top1'], rated['worst'], rated['misleading']) == (50, 0, 0)
    assert rated['inside'] == pytest.approx(100 * 3 / 64)
