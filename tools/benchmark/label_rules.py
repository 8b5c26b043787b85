"""What refinements and rules are worth: labels of the config's test images, all of which need masks.

    python tools/benchmark/label_rules.py configs/voc_animals/gain.py work_dirs/gain/iter_900.pth \
        --cfg-options test_dataloader.dataset.ann_file=ImageSets/Segmentation/train.txt

Thresholds are chosen on every seventh image and labels are measured on the others. ``--skip 1`` leaves out the images
1, 4, 7, ... as well, where settings were chosen on these. ``--regions DIR`` averages the maps over regions, too.
Prints a line of JSON for each refinement.
"""

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from mmengine.config import Config, DictAction
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from torch import Tensor

from gain_plugin.mm.label_samples import read_maps
from gain_plugin.mm.loading import load_fitting
from gain_plugin.mm.pseudo_labels import attention_hook
from gain_plugin.pseudo_labels import LabelRule, calibrate, otsu_threshold
from gain_plugin.pseudo_labels.worker import Outcome, refine_maps
from gain_plugin.seeds import THRESHOLDS, seed_confusion, seed_scores

REFINEMENTS = (None, 'pamr')
EVERY, PART = 7, 3


def count(runner: Runner, regions: str | None) -> dict[str | None, tuple[Tensor, Tensor]]:
    """For each refinement the counts (N, T, K + 1, K + 1) of every image, and where its Otsu threshold is (N,)."""
    dataset = DATASETS.build(runner.cfg.test_dataloader.dataset)
    classes = len(dataset.metainfo['classes'])
    counts: dict = {refine: ([], []) for refine in REFINEMENTS}
    for sample in read_maps(runner, dataset, range(len(dataset)), attention_hook(runner, classes)):
        if isinstance(sample, Outcome) or sample.truth is None:
            raise SystemExit(f'{sample.name}: {sample.problem if isinstance(sample, Outcome) else "has no mask"}')
        name, path, maps, shown, truth = sample
        for refine, (confusions, own) in counts.items():
            refined = refine_maps(torch.from_numpy(maps), name, path, LabelRule(refine=refine, regions=regions))
            pair = torch.from_numpy(shown), torch.from_numpy(truth)
            confusions.append(seed_confusion(refined, *pair, THRESHOLDS, classes))
            own.append(min(round(otsu_threshold(refined) * len(THRESHOLDS)), len(THRESHOLDS) - 1))
    return {refine: (torch.stack(confusions), torch.tensor(own)) for refine, (confusions, own) in counts.items()}


def rate(confusions: Tensor, own: Tensor, skip: int | None) -> dict:
    """Score the rules, mIoU in per cent, on the images that none was chosen on, and what is left to win.

    ``curve`` is the mIoU at each of the thresholds that are tried.
    """
    index = torch.arange(len(confusions))
    measured = index % EVERY != 0
    if skip is not None:
        measured &= index % PART != skip
    chosen = calibrate(confusions[index % EVERY == 0], THRESHOLDS)
    miou = seed_scores(confusions[measured].sum(0)).miou
    by_otsu = seed_scores(confusions[index, own][measured].sum(0)[None])
    figures = {
        'calibrated': miou[round(chosen.foreground * len(THRESHOLDS))],
        'otsu': by_otsu.miou[0],
        'otsu_precision': by_otsu.precision[0],
        'otsu_recall': by_otsu.recall[0],
        'threshold_0.30': miou[30],
        'best_threshold': miou.max(),
        'best_of_each': torch.tensor(calibrate(confusions[measured], THRESHOLDS).oracle),
    }
    scores = {name: round(100 * float(value), 2) for name, value in figures.items()}
    curve = [round(100 * value, 1) for value in miou.tolist()]
    chosen_on = {'threshold': chosen.foreground, 'width': round(chosen.width, 2)}
    return {'photos': int(measured.sum()), **scores, **chosen_on, 'curve': curve}


def main() -> None:
    """Measure the rules for the checkpoint of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--skip', type=int, choices=range(PART), help='remainder by 3 of the images not to measure on')
    parser.add_argument('--regions', help='folder of <id>.png, numbers of regions')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='settings to override, as key=value')
    args = parser.parse_args()
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    with TemporaryDirectory() as folder:
        cfg.update(work_dir=folder, load_from=None, resume=False)
        runner = Runner.from_cfg(cfg)
        load_fitting(runner, args.checkpoint, DATASETS.build(cfg.test_dataloader.dataset).metainfo['classes'])
        for refine, counts in count(runner, args.regions).items():
            print(json.dumps({'config': Path(args.config).stem, 'refine': refine, **rate(*counts, args.skip)}))


if __name__ == '__main__':
    main()
