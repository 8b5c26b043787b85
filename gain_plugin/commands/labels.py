"""``gain-plugin labels``."""

import os
from typing import TYPE_CHECKING

import click

from gain_plugin.commands.launch import rank_options
from gain_plugin.commands.verb import Verb

if TYPE_CHECKING:
    from gain_plugin.pseudo_labels.report import LabelReport

EXAMPLES = (
    'labels own/config.py $(cat work_dirs/own/last_checkpoint) --out labels',
    'labels own/config.py $(cat work_dirs/own/last_checkpoint) --out labels --refine pamr',
)


@click.command(cls=Verb, examples=EXAMPLES)
@click.argument('config')
@click.argument('checkpoint')
@click.option('--out', required=True, help='folder of the labels')
@click.option(
    '--workers',
    default=1,
    show_default=True,
    type=click.IntRange(min=0),
    help='processes that refine and write; 0: none',
)
@click.option('--foreground', default=0.3, show_default=True, help='above it a map is its class')
@click.option('--background', default=0.05, show_default=True, help='below it all is background')
@click.option('--saliency', help='folder of grey <id>.png; the background is then where these are dark')
@click.option('--saliency-threshold', default=0.06, show_default=True, help='in 0..1')
@click.option('--refine', type=click.Choice(['pamr', 'crf']), help="draw to the image's edges; crf: IRN's settings")
@click.option('--otsu', is_flag=True, help='a threshold for each image, chosen by its map alone')
@click.option('--regions', metavar='DIR', help='folder of <id>.png, numbers of regions that become one label each')
@click.option('--calibrate', metavar='LIST', help='choose both thresholds on the masks of the listed ids')
@click.option('--decided', default=1.0, show_default=True, help='least share of pixels that --calibrate decides')
@click.option('--cfg-options', multiple=True, metavar='KEY=VALUE...', help='settings to override')
@rank_options
def labels(
    config: str,
    checkpoint: str,
    out: str,
    workers: int,
    foreground: float,
    background: float,
    saliency: str | None,
    saliency_threshold: float,
    refine: str | None,
    otsu: bool,
    regions: str | None,
    calibrate: str | None,
    decided: float,
    cfg_options: tuple[str, ...],
    launcher: str,
    local_rank: int,
) -> None:
    """Write pseudo labels for the test images of CONFIG, from the maps of CHECKPOINT.

    Run again, it goes on where it was. The exit code is 1 if an image could not be labelled. Several processes share
    the images: torchrun --nproc_per_node=8 -m gain_plugin labels ... --launcher pytorch.
    """
    os.environ.setdefault('LOCAL_RANK', str(local_rank))
    from mmengine.dist import is_main_process

    from gain_plugin.mm import LabelRule, make_pseudo_labels
    from gain_plugin.mm.options import load_config

    cfg = load_config(config, cfg_options)
    cfg.launcher = launcher
    rule = LabelRule(foreground, background, saliency, saliency_threshold, refine, otsu, regions)
    report = make_pseudo_labels(cfg, checkpoint, out, rule, workers, calibrate_on=calibrate, decided=decided)
    if is_main_process() and show(report, out):
        raise SystemExit(1)


def show(report: 'LabelReport', out: str) -> int:
    """Print the report; 1 if an image failed."""
    print(f'\n{report.made} labels made in {out}, {report.found} found there')
    print(f'{report.untagged} images without tags: background all over')
    if report.calibration:
        chosen = report.calibration
        print(f'chosen thresholds: {chosen.foreground} and {chosen.background}, which decide {chosen.decided:.1%}')
        print(f'mIoU there {chosen.miou:.1%}, of one threshold for both {chosen.single:.1%}')
        print(f'within two points of that on a width of {chosen.width:.2f}; each image its own: {chosen.oracle:.1%}')
    for name, value in report.metrics.items():
        print(f'{name:24} {value:8.2f}')
    for name, problem in report.failed.items():
        print(f'FAILED {name}: {problem}')
    return int(bool(report.failed))
