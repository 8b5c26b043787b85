import pytest
import torch
import torch.nn.functional as F

from gain_plugin import GAINLoss, extra_loss, mining_loss, pair_masks


def loop_mining(scores, labels, form):
    """Eq. 5, image by image and class by class; images count alike, those without labels as zero."""
    total, pair = 0.0, 0
    for row in labels:
        classes = row.nonzero()[:, 0]
        for cls in classes:
            score = scores[pair]
            if form == 'logit':
                value = score[cls]
            elif form == 'probability':
                value = score[cls].sigmoid()
            else:
                truth = row.double().clone()
                truth[cls] = 0
                value = sum(-F.logsigmoid(s if t else -s) for s, t in zip(score, truth, strict=True)) / 3
            total, pair = total + value / len(classes), pair + 1
    return total / len(labels)


@pytest.mark.parametrize('form', ['logit', 'probability', 'bce'])
def test_mining_equals_the_loop(labels, form):
    scores = torch.randn(6, 3, dtype=torch.double, requires_grad=True)
    loss = mining_loss(scores, labels, labels.nonzero(), form)
    expected = loop_mining(scores, labels, form)
    torch.testing.assert_close(loss, expected, rtol=1e-10, atol=0)
    got, want = torch.autograd.grad(loss, scores)[0], torch.autograd.grad(expected, scores)[0]
    torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-14)


def test_extra_equals_the_loop(labels):
    """Eq. 7 on cells of 2 x 2 pixels, each weighted by the share of its pixels that are known."""
    maps = torch.rand(6, 3, 4, dtype=torch.double)
    masks = (torch.rand(6, 6, 8, dtype=torch.double) > 0.5).double()
    masks[torch.rand(6, 6, 8) > 0.7] = torch.nan
    masks[2] = torch.nan  # the third image has no mask
    masks[4].masked_fill_(~masks[4].isnan(), 0)  # this class is not in its mask
    total, pair = 0.0, 0
    for row in labels:
        for _ in range(int(row.sum())):
            error = weight = 0.0
            for i in range(3):
                for j in range(4):
                    cell = masks[pair, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                    known = cell[~cell.isnan()]
                    if len(known):
                        error = error + len(known) / 4 * (maps[pair, i, j] - known.mean()) ** 2
                        weight += len(known) / 4
            if weight and masks[pair].nan_to_num().any():
                total = total + error / weight / int(row.sum())
            pair += 1
    loss = extra_loss(maps, masks, labels.nonzero(), len(labels))
    torch.testing.assert_close(loss, total / len(labels), rtol=1e-10, atol=0)


def test_a_perfect_map_costs_nothing():
    mask = torch.zeros(1, 4, 4)
    mask[:, :2, :2] = 1
    assert extra_loss(F.adaptive_avg_pool2d(mask, 2), mask, torch.zeros(1, 2, dtype=torch.long), 1) == 0


@pytest.mark.parametrize(('form', 'expected'), [('l2', (0.16 + 0.01) / 2), ('l1', 0.25), ('energy', 0.1 / 0.7)])
def test_forms_of_extra_supervision_skip_the_unknown(form, expected):
    maps = torch.tensor([[[0.6, 0.1, 0.9]]])
    mask = torch.tensor([[[1.0, 0.0, torch.nan]]])
    loss = extra_loss(maps, mask, torch.zeros(1, 2, dtype=torch.long), 1, form)
    torch.testing.assert_close(loss, torch.tensor(expected))


def test_halves_add_up_to_the_batch(labels):
    scores, maps, masks = torch.randn(6, 3), torch.rand(6, 2, 2), torch.rand(6, 4, 4)

    def both(rows, places):
        pairs = labels[rows].nonzero()
        extra = extra_loss(maps[places], masks[places], pairs, len(labels[rows]))
        return mining_loss(scores[places], labels[rows], pairs) + extra

    first, second = slice(0, 2), slice(2, 6)  # two pairs and four
    whole = both(slice(0, 4), slice(0, 6))
    torch.testing.assert_close(whole, (both(slice(0, 2), first) + both(slice(2, 4), second)) / 2)


def test_no_labels_give_finite_zeros():
    none = torch.zeros(0, 2, dtype=torch.long)
    for count in (2, 0):
        assert mining_loss(torch.zeros(0, 3), torch.zeros(count, 3), none) == 0
        assert extra_loss(torch.zeros(0, 2, 2), torch.zeros(0, 4, 4), none, count) == 0


def test_softmax_forms_equal_their_definitions(labels):
    scores = torch.randn(6, 3, dtype=torch.double)
    pairs = labels.nonzero()
    own = scores.softmax(1)[range(6), pairs[:, 1]]
    for form, values in (('softmax', own), ('softmax_ce', -(1 - own).log())):
        expected = sum(values[pairs[:, 0] == image].mean() for image in range(4) if (pairs[:, 0] == image).any()) / 4
        torch.testing.assert_close(mining_loss(scores, labels, pairs, form), expected)
    certain = torch.tensor([[80.0, 0.0]], requires_grad=True)
    mining_loss(certain, torch.ones(1, 2), torch.zeros(1, 2, dtype=torch.long), 'softmax_ce').backward()
    torch.testing.assert_close(certain.grad, torch.tensor([[1.0, -1.0]]))  # no vanishing where p is 1


def test_pair_masks():
    masks = torch.tensor([[[0, 1], [3, 255]], [[255, 255], [255, 255]]])
    pairs = pair_masks(masks, torch.tensor([[1, 0, 1], [0, 1, 0]]))
    nan = torch.nan
    expected = torch.tensor([[[0, 1], [0, nan]], [[0, 0], [1, nan]], [[nan, nan], [nan, nan]]])
    torch.testing.assert_close(pairs, expected, equal_nan=True)


def test_errors_say_what_to_do(labels):
    with pytest.raises(ValueError, match=r"mining must be one of .* got 'logits'"):
        GAINLoss(mining='logits')
    with pytest.raises(ValueError, match=r"ext_form must be one of .* got 'L2'"):
        GAINLoss(ext_form='L2')
    with pytest.raises(ValueError, match='alpha must be a finite number of 0 or more'):
        GAINLoss(alpha=-1)
    with pytest.raises(ValueError, match='ext_weight must be a finite number'):
        GAINLoss(ext_weight=float('nan'))
    with pytest.raises(ValueError, match='got 5 scores and 6 pairs'):
        mining_loss(torch.zeros(5, 3), labels, labels.nonzero())
    with pytest.raises(ValueError, match='needs at least two classes'):
        mining_loss(torch.zeros(1, 1), torch.ones(1, 1), torch.zeros(1, 2, dtype=torch.long), 'softmax')
    with pytest.raises(ValueError, match='one a positive label, 6, got 4'):
        extra_loss(torch.zeros(6, 2, 2), torch.zeros(4, 4, 4), labels.nonzero(), 4)
    with pytest.raises(ValueError, match=r'1 to 3 \(class \+ 1\)'):
        pair_masks(torch.full((4, 2, 2), 4), labels)
    with pytest.raises(ValueError, match='masks must be integers'):
        pair_masks(torch.zeros(4, 2, 2), labels)
