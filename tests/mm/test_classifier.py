import pytest
import torch
from mmengine.structures import BaseDataElement
from torch import nn

from gain_plugin.mm import GAINHook, MultiLabelClassifier


def swap(images, labels):
    """The simplest mixture: every image becomes its neighbour."""
    return images.roll(1, 0), labels.roll(1, 0)


@pytest.fixture
def mixed():
    network = {'type': 'gain_plugin.synthetic.small_classifier', 'num_classes': 4}
    model = MultiLabelClassifier(network, mix={'type': lambda: swap})
    return model.eval()


def test_a_mixture_changes_the_loss_alone(mixed):
    images = torch.randn(3, 3, 16, 16)
    samples = [BaseDataElement(metainfo={'gt_label': [index]}) for index in range(3)]
    loss = mixed(images, samples, mode='loss')['loss_cls']
    scores = mixed(images)
    mixed.mix = None
    torch.testing.assert_close(mixed(images, samples, mode='loss')['loss_cls'], loss)  # a mean over the batch
    assert torch.equal(mixed(images), scores)
    wrong = mixed(images.roll(1, 0), samples, mode='loss')['loss_cls']
    assert not torch.isclose(wrong, loss)


def test_guidance_refuses_mixtures(mixed):
    class Run:
        model, cfg = mixed, {}

    with pytest.raises(ValueError, match='remove mix='):
        GAINHook().before_train(Run())


class Redrawing(nn.Linear):
    """As many networks of timm: ``init_weights`` draws anew what the constructor loaded."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(4, num_classes)
        nn.init.constant_(self.weight, 7.0)

    def init_weights(self) -> None:
        nn.init.normal_(self.weight)


def test_what_the_constructor_loaded_is_there_when_training_begins():
    model = MultiLabelClassifier({'type': Redrawing, 'num_classes': 2})
    model.init_weights()
    assert (model.network.weight == 7).all()


@pytest.mark.parametrize(
    ('criterion', 'activation'),
    [(None, torch.sigmoid), ({'type': 'torch.nn.CrossEntropyLoss'}, lambda scores: scores.softmax(1))],
)
def test_predictions_follow_the_loss(criterion, activation):
    model = MultiLabelClassifier(
        {'type': 'gain_plugin.synthetic.small_classifier', 'num_classes': 4}, criterion=criterion
    ).eval()
    images = torch.randn(2, 3, 16, 16)
    samples = [BaseDataElement(metainfo={'gt_label': [index]}) for index in range(2)]
    scores = model(images)
    predicted = torch.stack([sample.pred_scores for sample in model(images, samples, mode='predict')])
    torch.testing.assert_close(predicted, activation(scores))
    if criterion:
        loss = -scores.log_softmax(1)[[0, 1], [0, 1]].mean()
        torch.testing.assert_close(model(images, samples, mode='loss')['loss_cls'], loss)
