"""Time of the maps of all present classes over that of a bare forward pass, beside pytorch-grad-cam's and torchcam's.

All are interleaved in one run, so that whatever else the machine does meets them alike: medians of ratios, and their
range. The peers make the maps of one class of every image in a call, so they are called once for each label that the
image with the most has, on the same layer.

    pip install grad-cam torchcam
    python tools/benchmark/extract.py [--networks resnet50 vit_small] [--device cuda] [--labels 2] [--keep]
"""

import argparse
from collections.abc import Callable
from functools import partial

import torch
from networks import NETWORKS, banner, labels_of
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from ratios import cell, keep, row
from rich.console import Console
from rich.table import Table
from step import seconds
from torch import Tensor, nn
from torchcam.methods import GradCAM as TorchCAM

from gain_plugin import CAM
from gain_plugin.recorder import get_layer


class Scores(nn.Module):
    """A network with the scores (N, K) alone as its output, which is what the peers can read."""

    def __init__(self, network: nn.Module, score: Callable[[object], Tensor]) -> None:
        super().__init__()
        self.network = network
        self.score = score

    def forward(self, images: Tensor) -> Tensor:
        """(N, K) scores of images (N, C, H, W)."""
        return self.score(self.network(images))


def grad_cam(peer: GradCAM, images: Tensor, classes: Tensor) -> None:
    """Maps of the ``classes`` (N, labels), by pytorch-grad-cam."""
    for column in classes.T.tolist():
        peer(input_tensor=images, targets=[ClassifierOutputTarget(index) for index in column])


def torchcam(peer: TorchCAM, model: nn.Module, images: Tensor, classes: Tensor) -> None:
    """The same by torchcam."""
    for column in classes.T.tolist():
        peer(column, model(images))


def rows(name: str, args: argparse.Namespace, machine: str) -> list[dict]:
    """What each costs in bare forward passes of the network ``name``, a row a package."""
    torch.manual_seed(0)
    make, size, score = NETWORKS[name]
    model = Scores(make(), score).to(args.device).eval()
    images = torch.randn(args.batch_size, 3, size, size, device=args.device)
    labels = labels_of(args.batch_size, args.labels)
    classes = labels.nonzero()[:, 1].view(args.batch_size, args.labels)
    cam = CAM(model)
    layer = get_layer(model, cam.target_layer)
    to_grid = partial(cam.layout.to_grid, image_size=(size, size)) if cam.layout else None
    peers = {
        'gain_plugin': partial(cam.attention, images, labels),
        'pytorch-grad-cam': partial(
            grad_cam, GradCAM(model=model, target_layers=[layer], reshape_transform=to_grid), images, classes
        ),
    }
    if name != 'vit_small':  # torchcam reads grids alone
        peers['torchcam'] = partial(torchcam, TorchCAM(model, layer), model, images, classes)
    ratios: dict[str, list[float]] = {peer: [] for peer in peers}
    for repeat in range(args.repeats + 1):
        with torch.no_grad():
            forward = seconds(partial(model, images), args.device)
        for peer, make_maps in peers.items():
            took = seconds(make_maps, args.device)
            if repeat:  # the first warms up
                ratios[peer].append(took / forward)
    return [row('extract', name, peer, values, machine) for peer, values in ratios.items()]


def main() -> None:
    """Print a table, a row a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--networks', nargs='+', default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--batch-size', type=int, default=4)
    parser.add_argument('--labels', type=int, default=2, help='present classes of each image')
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--keep', action='store_true', help='add the ratios to docs/benchmarks.json')
    args = parser.parse_args()
    machine = f'{banner(args)}, {args.labels} classes an image'
    table = Table('network', 'maps by', 'in bare forward passes', caption=machine)
    measured = [one for name in args.networks for one in rows(name, args, machine)]
    for one in measured:
        table.add_row(one['network'], one['setting'], cell(one))
    Console(width=120).print(table)
    if args.keep:
        keep(measured)


if __name__ == '__main__':
    main()
