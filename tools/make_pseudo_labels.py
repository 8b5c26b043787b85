"""Write pseudo labels for the config's test images: ``python tools/make_pseudo_labels.py CONFIG CHECKPOINT --out DIR``.

Another list of images: ``--cfg-options test_dataloader.dataset.ann_file=... test_dataloader.dataset.masks=none``. Run
again, it goes on where it was. The exit status is 1 if an image could not be labelled.
"""

import argparse

from mmengine.config import Config, DictAction

from gain_plugin.mm import LabelReport, LabelRule, make_pseudo_labels


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    defaults = LabelRule()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', required=True, help='folder of the labels')
    parser.add_argument('--workers', type=int, default=1, help='processes that refine and write; 0: none')
    parser.add_argument('--foreground', type=float, default=defaults.foreground, help='above it a map is its class')
    parser.add_argument('--background', type=float, default=defaults.background, help='below it all is background')
    parser.add_argument('--saliency', help='folder of grey <id>.png; the background is then where these are dark')
    parser.add_argument('--saliency-threshold', type=float, default=defaults.saliency_threshold, help='in 0..1')
    parser.add_argument('--refine', choices=['pamr', 'crf'], help="draw to the edges of the image; crf: IRN's settings")
    parser.add_argument('--otsu', action='store_true', help='a threshold for each image, chosen by its map alone')
    parser.add_argument('--calibrate', metavar='LIST', help='choose both thresholds on the masks of the listed ids')
    parser.add_argument('--decided', type=float, default=1.0, help='least share of pixels that --calibrate decides')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='settings to override, as key=value')
    return parser.parse_args()


def show(report: LabelReport, out: str) -> int:
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


def main() -> int:
    """Make the labels of the command line."""
    args = parse_args()
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    rule = LabelRule(args.foreground, args.background, args.saliency, args.saliency_threshold, args.refine, args.otsu)
    report = make_pseudo_labels(
        cfg, args.checkpoint, args.out, rule, args.workers, calibrate_on=args.calibrate, decided=args.decided
    )
    return show(report, args.out)


if __name__ == '__main__':
    raise SystemExit(main())
