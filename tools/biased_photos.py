"""What helps where the background gives the label away: accuracy of the worst group on pasted animals.

    python tools/biased_photos.py --seeds 0 1 2

Every method goes on from the same plain steps of a seed. A row that ``docs/results.json`` has is skipped;
``--results`` takes another file. ``tools/pasted_animals.py`` has the images, ``tools/evidence_tables.py`` makes the
table of ``docs/evidence.md``.
"""

import argparse
import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import torch
import torch.nn.functional as F
from evidence import RESULTS, add
from pasted_animals import ALIGNED, ANIMALS, GROUPS, Pasted, paste, splits
from torch import Tensor, nn

from gain_plugin import CAM, GAIN, GAINLoss, Step, energy_inside, normalize_maps
from gain_plugin.masks import UNKNOWN
from gain_plugin.pretrained import efficientnet_lite

SIDE, BATCH = 112, 16
COUNTS = {'train': 800, 'unbiased': 800, 'held_out': 160, 'test': 400}
START, STEPS = 150, 100
BOXES = 40  # images of the training set, 5 %, that have one
RATE, HEAD = 0.01, 10  # of SGD, and how many times that the head has
STRENGTHS = [1e-4, 1e-3, 1e-2, 1e-1, 1]  # of the last layer's regression, inverse


class KeepLabel(nn.Module):
    """The image without what its map covers keeps its label: the opposite of Eq. 5.

    The map is a constant, so that the classifier learns to see the rest. The idea of MaskTune (Asgari et al., NeurIPS
    2022), which masks once, by the trained classifier, and trains on the masked images alone.
    """

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``loss_keep``."""
        scores = step.erase_and_score(normalize_maps(step.maps.detach()), step.pairs)
        labels = step.labels[step.pairs[:, 0]].float()
        return {'loss_keep': step.mean(F.binary_cross_entropy_with_logits(scores, labels, reduction='none').mean(1))}


class GroupDRO:
    """Weights of the groups that grow with their loss (Sagawa et al., ICLR 2020); batches have groups alike.

    Their step size is 0.01, for thousands of steps.
    """

    def __init__(self, step_size: float = 0.1) -> None:
        self._step_size = step_size
        self._weights = torch.full((len(GROUPS),), 1 / len(GROUPS))

    def __call__(self, losses: Tensor, groups: Tensor) -> Tensor:
        """Weighted sum of the groups' mean losses, of losses (N,) and groups (N,)."""
        counts = groups.bincount(minlength=len(GROUPS))
        means = losses.new_zeros(len(GROUPS)).index_add(0, groups, losses) / counts.clamp_min(1)
        self._weights = self._weights * (self._step_size * means.detach()).exp()
        self._weights = self._weights / self._weights.sum()
        return (self._weights * means).sum()


@dataclass(frozen=True)
class Method:
    """What a method adds to plain training."""

    loss: nn.Module | None = None
    """The term of ``GAIN``; None is no guidance."""
    scorer: str = 'detached'
    boxes: bool = False
    """Whether half of each batch is drawn from the BOXES images that have a box."""
    data: str = 'train'
    """The set of ``sets`` that it trains on."""
    dro: bool = False
    """Group DRO, which knows the groups in training."""
    retrain: bool = False
    """The last layer anew, on the held-out images, whose groups are alike."""


METHODS = {
    'plain': Method(),
    'gain': Method(GAINLoss(alpha=0.5)),
    'gain_frozen': Method(GAINLoss(alpha=0.5), scorer='frozen'),
    'keep_label': Method(KeepLabel(), scorer='shared'),
    'resampled': Method(boxes=True),
    'ext_boxes': Method(GAINLoss(alpha=0.0, ext_weight=3.0), boxes=True),
    'ext_boxes_energy': Method(GAINLoss(alpha=0.0, ext_weight=3.0, ext_form='energy'), boxes=True),
    'gain_ext_boxes': Method(GAINLoss(alpha=0.5, ext_weight=3.0), boxes=True),
    'last_layer': Method(retrain=True),
    'group_dro': Method(dro=True),
    'unbiased': Method(data='unbiased'),
}


def sets(seed: int) -> dict[str, Pasted]:
    """The images of a seed; the test's are the same for all."""
    photos = splits()
    return {
        'train': paste(photos['train'], COUNTS['train'], ALIGNED, SIDE, 10 * seed),
        'unbiased': paste(photos['train'], COUNTS['unbiased'], 0.5, SIDE, 10 * seed + 1),
        'held_out': paste(photos['held_out'], COUNTS['held_out'], 0.5, SIDE, 10 * seed + 2),
        'test': paste(photos['test'], COUNTS['test'], 0.5, SIDE, 9),
    }


def boxed(data: Pasted) -> tuple[Tensor, Tensor]:
    """Which of the images (BOXES,) have a box, as many of either class, and the masks (N, S, S): 255 for the others."""
    index = torch.arange(len(data.labels)).view(2, -1)[:, :: len(data.labels) // BOXES].flatten()
    masks = torch.full_like(data.masks, UNKNOWN)
    for image in index:
        rows, columns = (data.masks[image].any(axis).nonzero()[:, 0] for axis in (1, 0))
        masks[image] = 0
        masks[image, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = data.labels[image] + 1
    return index, masks


def train(classifier: nn.Module, data: Pasted, random: torch.Generator, method: Method | None = None) -> None:
    """Train START plain steps, or STEPS further ones by a method, whose rate falls from one half to 0."""
    optimizer = optimizer_of(classifier)
    begin, steps = (1.0, START) if method is None else (0.5, STEPS)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, begin, begin if method is None else 0.0, steps)
    method = method or Method()
    model = GAIN(classifier, copy.deepcopy(method.loss), scorer=method.scorer) if method.loss else None
    with_box, masks = boxed(data)
    weighted = GroupDRO() if method.dro else None
    (model or classifier).train()
    for _ in range(steps):
        index = draw(data, random, with_box if method.boxes else None, balanced=method.dro)
        images, found = normalized(data.images[index]), masks[index].long()
        if torch.rand((), generator=random) < 0.5:
            images, found = images.flip(-1), found.flip(-1)
        labels = F.one_hot(data.labels[index], len(ANIMALS))
        found = found if method.boxes else None
        scores, terms = model(images, labels, found) if model else (classifier(images), {})
        losses = F.binary_cross_entropy_with_logits(scores, labels.float(), reduction='none').mean(1)
        total = (weighted(losses, data.groups[index]) if weighted else losses.mean()) + sum(terms.values())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        scheduler.step()
    classifier.eval()


def optimizer_of(classifier: nn.Module) -> torch.optim.Optimizer:
    """SGD with HEAD times the rate for the new head."""
    own = [weight for name, weight in classifier.named_parameters() if not name.startswith('classifier.')]
    groups = [{'params': own}, {'params': classifier.get_classifier().parameters(), 'lr': HEAD * RATE}]
    return torch.optim.SGD(groups, lr=RATE, momentum=0.9, weight_decay=1e-4)


def draw(data: Pasted, random: torch.Generator, with_box: Tensor | None, *, balanced: bool) -> Tensor:
    """Which images (BATCH,) a step takes: half of those with a box, if there are some, or the groups alike."""
    chance = torch.ones(len(data.labels))
    if balanced:
        chance = 1 / data.groups.bincount()[data.groups].float()
    if with_box is None:
        return chance.multinomial(BATCH, replacement=True, generator=random)
    half = torch.randint(len(with_box), (BATCH // 2,), generator=random)
    return torch.cat([chance.multinomial(BATCH - BATCH // 2, replacement=True, generator=random), with_box[half]])


def normalized(images: Tensor) -> Tensor:
    """Images as the network wants them."""
    return images.float() / 127.5 - 1


def retrain_last_layer(classifier: nn.Module, data: Pasted) -> None:
    """Logistic regression on the features of held-out images with groups alike (Kirichenko et al., ICLR 2023).

    The strength of its L2 is chosen by cross-validation; theirs is L1.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.preprocessing import StandardScaler

    with torch.inference_mode():
        features = torch.cat(
            [classifier.forward_head(classifier.forward_features(part), pre_logits=True) for part in batches(data)]
        ).numpy()
    scaler = StandardScaler().fit(features)
    search = GridSearchCV(LogisticRegression(max_iter=1000), {'C': STRENGTHS})
    fitted = search.fit(scaler.transform(features), data.labels.numpy()).best_estimator_
    weight = torch.from_numpy(fitted.coef_[0] / scaler.scale_).float()
    bias = float(fitted.intercept_[0]) - float(weight @ torch.from_numpy(scaler.mean_).float())
    head = classifier.get_classifier()
    with torch.no_grad():
        head.weight.copy_(torch.stack([-weight, weight]) / 2)
        head.bias.copy_(torch.tensor([-bias, bias]) / 2)


def batches(data: Pasted) -> list[Tensor]:
    """Normalised parts of the images."""
    return [normalized(part) for part in data.images.split(50)]


def rate(classifier: nn.Module, data: Pasted) -> dict:
    """Accuracy by group, and the share of the maps on the animals, in per cent.

    ``top1`` counts the groups alike, ``misleading`` is of the two whose place is the other animal's.
    """
    cam = CAM(classifier).eval()
    hits, inside = [], []
    for images, labels, masks in zip(batches(data), data.labels.split(50), data.masks.split(50), strict=True):
        with torch.inference_mode():
            hits.append(classifier(images).argmax(1) == labels)
        maps = F.interpolate(
            cam.attention(images, F.one_hot(labels, len(ANIMALS)))[:, None], masks.shape[-2:], mode='bilinear'
        )
        for own, label, mask in zip(maps, labels, masks, strict=True):
            inside.append(energy_inside(own, label[None], mask.long(), len(ANIMALS)))
    groups = torch.stack([100 * torch.cat(hits)[data.groups == group].float().mean() for group in range(len(GROUPS))])
    return {
        'top1': float(groups.mean()),
        'worst': float(groups.min()),
        'misleading': float(groups[1:3].mean()),
        'groups': dict(zip(GROUPS, groups.tolist(), strict=True)),
        'inside': 100 * float(torch.cat(inside).mean()),
    }


def measure(method: str, seed: int, state_of: Callable[[str], dict], data: dict[str, Pasted]) -> dict:
    """Train and test one row from the start of its data."""
    settings = METHODS[method]
    classifier = network()
    classifier.load_state_dict(state_of(settings.data))
    begin = time.time()
    train(classifier, data[settings.data], torch.Generator().manual_seed(seed + 1000), settings)
    if settings.retrain:
        retrain_last_layer(classifier, data['held_out'])
    minutes = (time.time() - begin) / 60
    command = f'python tools/biased_photos.py --seeds {seed} --methods {method}'
    return {**rate(classifier, data['test']), 'steps': STEPS, 'minutes': minutes, 'command': command}


def start(name: str, seed: int, data: dict[str, Pasted]) -> dict:
    """State of a network after the plain steps on the set of that name, which methods go on from."""
    torch.manual_seed(seed)
    classifier = network()
    train(classifier, data[name], torch.Generator().manual_seed(seed))
    return classifier.state_dict()


def network() -> nn.Module:
    """EfficientNet-Lite0 with ImageNet weights and two scores."""
    return efficientnet_lite(output_stride=16, num_classes=len(ANIMALS)).to(memory_format=torch.channels_last)


def main() -> None:
    """Measure the rows of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--methods', nargs='+', choices=METHODS, default=list(METHODS))
    parser.add_argument('--results', type=Path, default=RESULTS, help='file of the rows')
    args = parser.parse_args()
    for seed in args.seeds:
        data = sets(seed)
        state_of = cache(partial(start, seed=seed, data=data))
        for method in args.methods:
            add(args.results, ('pasted_animals', method, seed), partial(measure, method, seed, state_of, data))
        print(f'{args.results} has the rows of seed {seed}')


if __name__ == '__main__':
    main()
