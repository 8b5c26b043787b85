import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import gradcheck

from gain_plugin import attention_maps, blur, erase, normalize_maps, soft_mask


def loop_maps(model, images, labels, second_order=True):
    """Eq. 1-2 as the paper writes them: one image, one class, one backward pass at a time."""
    maps = []
    for image, row in zip(images, labels, strict=True):
        for cls in row.nonzero()[:, 0]:
            features = model.features(image[None])
            pooled = (features**2).mean((-2, -1)) + features.mean((-2, -1))
            score = model.fc(model.hidden(pooled).tanh())[0, cls]
            (gradient,) = torch.autograd.grad(score, features, create_graph=second_order, retain_graph=True)
            weights = [gradient[0, channel].mean() for channel in range(gradient.shape[1])]
            one = sum(weight * features[0, channel] for channel, weight in enumerate(weights)).relu()
            maps.append(one / one.detach().max() if one.max() > 0 else one)
    return torch.stack(maps)


def run(model, images):
    features = model.features(images)
    pooled = (features**2).mean((-2, -1)) + features.mean((-2, -1))
    return features, model.fc(model.hidden(pooled).tanh())


@pytest.mark.parametrize('second_order', [True, False])
def test_equals_the_double_loop_with_gradients(tiny, images, labels, second_order):
    model, images = tiny().double(), images.double()
    maps = attention_maps(*run(model, images), labels, second_order=second_order)
    expected = loop_maps(model, images, labels, second_order)
    torch.testing.assert_close(maps, expected, rtol=1e-10, atol=1e-12)
    gradients = torch.autograd.grad((maps**2).sum(), list(model.parameters()), allow_unused=True)
    wanted = torch.autograd.grad((expected**2).sum(), list(model.parameters()), allow_unused=True)
    for gradient, want in zip(gradients, wanted, strict=True):
        if want is not None or gradient is not None:
            torch.testing.assert_close(gradient, want, rtol=1e-10, atol=1e-12)


def test_second_order_term_changes_the_gradient(tiny, images, labels):
    model = tiny().double()
    gradients = []
    for second_order in (True, False):
        maps = attention_maps(*run(model, images.double()), labels, second_order=second_order)
        gradients.append(torch.autograd.grad((maps**2).sum(), model.features[0].weight)[0])
    assert (gradients[0] - gradients[1]).norm() > 0.01 * gradients[1].norm()


def test_gradients_through_the_peak_leave_the_scale_alone():
    maps = torch.rand(3, 4, 5, dtype=torch.double, requires_grad=True)
    target = torch.rand(3, 4, 5, dtype=torch.double)
    along = []
    for through_peak in (True, False):
        loss = (normalize_maps(maps, through_peak=through_peak) - target).square().sum()
        along.append((torch.autograd.grad(loss, maps)[0] * maps).sum((-2, -1)))
    torch.testing.assert_close(along[0], torch.zeros_like(along[0]))
    assert (along[1].abs() > 0.1).all()
    assert gradcheck(lambda values: normalize_maps(values, through_peak=True), maps)


def test_is_the_class_activation_map_for_a_pooled_linear_head():
    features = torch.randn(3, 5, 6, 7, dtype=torch.double, requires_grad=True)
    head = nn.Linear(5, 4).double()
    labels = torch.tensor([[1, 0, 0, 1], [0, 1, 0, 0], [1, 1, 1, 1]])
    maps = attention_maps(features, head(features.mean((-2, -1))), labels, normalize=False)
    image, cls = labels.nonzero(as_tuple=True)
    expected = torch.einsum('pc,pchw->phw', head.weight[cls], features[image]).relu()
    torch.testing.assert_close(maps, expected, rtol=1e-10, atol=1e-12)
    inputs = [features, head.weight]
    for got, want in zip(
        torch.autograd.grad((maps**3).sum(), inputs), torch.autograd.grad((expected**3).sum(), inputs), strict=True
    ):
        torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-12)


def test_gradcheck():
    head = nn.Linear(2, 2).double()
    labels = torch.tensor([[1, 1], [0, 1]])

    def maps(features):
        return attention_maps(features, head((features**2).mean((-2, -1))), labels, normalize=False)

    assert gradcheck(maps, torch.randn(2, 2, 3, 3, dtype=torch.double, requires_grad=True))
    mask = torch.rand(2, 2, 2, dtype=torch.double, requires_grad=True)
    image = torch.randn(2, 1, 4, 5, dtype=torch.double, requires_grad=True)
    assert gradcheck(lambda mask, image: erase(image, soft_mask(mask), blur(image, 4)), (mask, image))


def test_does_not_depend_on_batch_mates_or_order(tiny, images, labels):
    model, images = tiny().double(), images.double()
    maps = attention_maps(*run(model, images), labels)
    alone = [attention_maps(*run(model, images[i : i + 1]), labels[i : i + 1]) for i in range(4)]
    torch.testing.assert_close(maps, torch.cat(alone))
    order = torch.tensor([3, 1, 0, 2])
    shuffled = attention_maps(*run(model, images[order]), labels[order])
    torch.testing.assert_close(shuffled, torch.cat([alone[i] for i in order]))


def test_no_labels_no_maps(tiny, images):
    features, scores = run(tiny(), images)
    assert attention_maps(features, scores, torch.zeros(4, 3)).shape == (0, *features.shape[2:])


def test_dead_maps_stay_zero_and_finite():
    features = torch.zeros(1, 2, 3, 3, requires_grad=True)
    maps = attention_maps(features, features.mean((-2, -1)), torch.ones(1, 2))
    (gradient,) = torch.autograd.grad(maps.sum(), features)
    assert not maps.any() and gradient.isfinite().all()


def test_half_precision_does_not_underflow():
    features = torch.rand(1, 4, 64, 64, dtype=torch.half).requires_grad_()
    weight = torch.tensor([[1e-3, -2e-3, 3e-3, 1e-3]], dtype=torch.half)
    maps = attention_maps(features, (features.mean((-2, -1)) * weight).sum(1, keepdim=True), torch.ones(1, 1))
    expected = normalize_maps(torch.einsum('kc,nchw->nhw', weight.float(), features.float()).relu())
    assert maps.dtype == torch.float32
    torch.testing.assert_close(maps, expected, rtol=0.01, atol=0.01)


def test_erase_is_equation_3():
    image, mask = torch.randn(2, 3, 8, 10), torch.rand(2, 4, 5)
    big = F.interpolate(mask[:, None], (8, 10), mode='bilinear', align_corners=False)
    torch.testing.assert_close(erase(image, mask), image - big * image)
    torch.testing.assert_close(erase(image, torch.zeros(2, 4, 5), image + 1), image)
    torch.testing.assert_close(erase(image, torch.ones(2, 4, 5), image + 1), image + 1)


def test_soft_mask_is_half_at_sigma():
    mask = soft_mask(torch.tensor([0.0, 0.3, 1.0]), sigma=0.3, omega=10)
    torch.testing.assert_close(mask, torch.tensor([-3.0, 0.0, 7.0]).sigmoid())


@pytest.mark.parametrize('size', [(64, 64), (50, 33), (7, 90)])
def test_blur_keeps_the_tint_and_loses_the_shape(size):
    constant = torch.full((1, 3, *size), 0.7)
    torch.testing.assert_close(blur(constant), constant)
    noise = torch.randn(1, 3, *size)
    assert blur(noise).shape == noise.shape and blur(noise).std() < 0.3


def test_errors_say_what_to_do(tiny, images, labels):
    features, scores = run(tiny(), images)
    with pytest.raises(ValueError, match=r'labels must be multi-hot \(N, K\) = \(4, 3\), got \(3, 3\)'):
        attention_maps(features, scores, labels[:3])
    with pytest.raises(ValueError, match='labels have 2 classes, the classifier scores 3'):
        attention_maps(features, scores, labels[:, :2])
    with pytest.raises(ValueError, match='0 or 1'):
        attention_maps(features, scores, labels * 2)
    with pytest.raises(ValueError, match='pick a target layer that has a grid'):
        attention_maps(features.flatten(1), scores, labels)
    with pytest.raises(ValueError, match='not finite'):
        attention_maps(features, scores * torch.nan, labels)
    with pytest.raises(ValueError, match='do not depend on features'):
        attention_maps(torch.randn_like(features).requires_grad_(), scores, labels)
    with pytest.raises(ValueError, match=r'must be \(P, C, H, W\)'):
        erase(images, torch.rand(3, 2, 2))


def test_erased_images_keep_their_type():
    images, mask = torch.randn(1, 3, 8, 8).half(), torch.rand(1, 2, 2)
    assert erase(images, mask).dtype == torch.float16
    assert erase(images, mask, blur(images.float())).dtype == torch.float16
