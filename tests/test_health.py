import copy
import math

import pytest
import torch

from gain_plugin import GAIN, GAINLoss, erase, look, normalize_maps, soft_mask
from gain_plugin.health import map_health, score_health


def test_coverage_and_dead_maps_by_hand():
    maps = torch.tensor([[[0.0, 0.0], [0.0, 0.0]], [[0.0, 3.0], [0.0, 1.0]], [[1e-6, 0.0], [0.0, 0.0]]])
    masks = torch.tensor([[[0.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [0.0, 0.5]], [[0.1, 0.0], [0.0, 0.0]]])
    health = map_health(maps, masks)
    assert health['coverage'] == pytest.approx(1.6 / 12)
    assert health['dead_maps'] == pytest.approx(2 / 3)


@pytest.mark.parametrize('softmax', [False, True])
def test_scores_by_hand(softmax):
    scores, erased = torch.tensor([[1.0, -2.0], [0.5, 3.0]]), torch.tensor([[-1.0, 0.0], [2.0, 0.0], [1.0, -1.0]])
    pairs = torch.tensor([[0, 0], [1, 0], [1, 1]])

    def probability(row, cls):
        row = row.tolist()
        if softmax:
            return math.exp(row[cls]) / sum(map(math.exp, row))
        return 1 / (1 + math.exp(-row[cls]))

    health = score_health(scores, erased, pairs, softmax=softmax)
    before = sum(probability(scores[image], cls) for image, cls in pairs.tolist()) / 3
    after = sum(probability(row, cls) for row, (_, cls) in zip(erased, pairs.tolist(), strict=True)) / 3
    assert {name: value.item() for name, value in health.items()} == pytest.approx(
        {'score_before': before, 'score_after': after}
    )


def test_half_precision_scores_are_probabilities_in_float32():
    health = score_health(torch.zeros(1, 2).half(), torch.zeros(1, 2).half(), torch.tensor([[0, 1]]), softmax=False)
    assert health['score_after'].dtype == torch.float32


@pytest.mark.parametrize('omega', [10.0, None])
def test_a_call_leaves_its_numbers_without_a_graph(tiny, images, labels, omega):
    model = GAIN(tiny(), GAINLoss(alpha=0.3), target_layer='features', omega=omega)
    assert model.health == {}
    scores, losses = model(images, labels)
    maps = normalize_maps(model.attention(images, labels))
    mask = maps if omega is None else soft_mask(maps, 0.5, omega)
    image, cls = labels.nonzero(as_tuple=True)
    assert model.health['coverage'] == pytest.approx(mask.mean().item())
    assert model.health['score_before'] == pytest.approx(scores.sigmoid()[image, cls].mean().item())
    assert model.health['alpha'] == pytest.approx(0.3)
    assert set(model.health) == {'alpha', 'score_before', 'score_after', 'coverage', 'dead_maps'}
    assert not any(value.requires_grad or value.ndim for value in model.health.values())
    assert set(losses) == {'loss_am'}


def test_the_score_afterwards_is_the_scorers(tiny, images):
    """With one label an image the mean over pairs is that of the loss, over images."""
    model = GAIN(tiny(), GAINLoss(alpha=1, mining='softmax'), target_layer='features', scorer='frozen')
    _, losses = model(images, torch.eye(3).repeat(2, 1)[:4])
    assert model.health['score_after'] == pytest.approx(losses['loss_am'].item())


def test_without_alpha_maps_alone_are_seen_and_without_labels_none(tiny, images, labels):
    masks = torch.randint(0, 4, (4, 16, 18))
    model = GAIN(tiny(), GAINLoss(alpha=0), target_layer='features')
    model(images, labels, masks)
    assert set(model.health) == {'coverage', 'dead_maps'}
    model(images, labels)
    assert model.health == {}
    guided = GAIN(tiny(), target_layer='features')
    guided(images, torch.zeros_like(labels))
    assert set(guided.health) == {'alpha'}


def test_what_is_trained_is_the_same_to_the_bit(tiny, images, labels, monkeypatch):
    def trained(network):
        model = GAIN(network, target_layer='features', scorer='frozen', one_class=True)
        model.generator.manual_seed(0)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
        for _ in range(3):
            scores, losses = model(images, labels)
            optimizer.zero_grad()
            (scores.square().mean() + sum(losses.values())).backward()
            optimizer.step()
        return network.state_dict(), model.health

    network = tiny(batch_norm=True)
    logged, health = trained(copy.deepcopy(network))
    monkeypatch.setattr('gain_plugin.losses.score_health', lambda *_, **__: {})
    monkeypatch.setattr('gain_plugin.model.map_health', lambda *_: {})
    plain, none = trained(network)
    assert set(health) > set(none) == {'alpha'}
    assert all(torch.equal(value, plain[name]) for name, value in logged.items())


@pytest.mark.parametrize('mining', ['bce', 'softmax'])
def test_a_look_shows_what_is_erased_and_changes_nothing(tiny, images, labels, mining):
    network = tiny(batch_norm=True)
    model = GAIN(network, GAINLoss(mining=mining), target_layer='features', scorer='frozen', fill='zero')
    with torch.no_grad():
        network.fc.weight += 1  # the scorer is another than the classifier now
    model.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    seen = look(model, images, labels)
    image, cls = labels.nonzero(as_tuple=True)
    maps = model.attention(images, labels)
    erased = erase(images[image], soft_mask(maps))
    torch.testing.assert_close(seen.maps, maps)
    torch.testing.assert_close(seen.erased, erased)
    own = torch.arange(len(cls))
    for given, scores in ((seen.before, network(images)[image]), (seen.after, model.scorer.model(erased))):
        probability = scores.softmax(1) if mining == 'softmax' else scores.sigmoid()
        torch.testing.assert_close(given, probability[own, cls].detach())
    after = model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert all(parameter.grad is None for parameter in model.parameters())
