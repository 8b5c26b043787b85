"""How long an invented list of a million photos takes to open, and what memory it and its workers need."""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

from torch.utils.data import DataLoader

from gain_plugin.mm import VOCTagsDataset


def invent(root: Path, count: int) -> None:
    """Empty files of photos in 1000 folders, their list and their table."""
    names = [f'{index % 1000:03d}/{index}' for index in range(count)]
    for folder in range(min(1000, count)):
        (root / 'JPEGImages' / f'{folder:03d}').mkdir(parents=True)
    for name in names:
        (root / 'JPEGImages' / f'{name}.jpg').touch()
    (root / 'list.txt').write_text('\n'.join(names))
    (root / 'tags.csv').write_text('id,labels\n' + ''.join(f'{name},cat dog\n' for name in names))


def used() -> int:
    """MB of this process and its children, what they share counted once. Reads Linux's ``/proc``."""
    children = Path(f'/proc/self/task/{os.getpid()}/children').read_text().split()
    lines = [line for one in ('self', *children) for line in Path(f'/proc/{one}/smaps_rollup').read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith('Pss:')) >> 10


class Paths:
    """The entries of a data set without their photos."""

    def __init__(self, data: VOCTagsDataset) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int) -> str:
        return self._data.get_data_info(index)['img_path']


def main() -> None:
    """Print seconds and MB."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--count', type=int, default=1_000_000)
    parser.add_argument('--workers', type=int, default=4)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        invent(Path(folder), args.count)
        before, start = used(), time.perf_counter()
        data = VOCTagsDataset(folder, 'list.txt', ('cat', 'dog'), 'tags.csv', 'none')
        most = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10) - before
        print(f'{len(data)} photos: {time.perf_counter() - start:.1f} s, {used() - before} MB more, {most} at most')
        loader = iter(DataLoader(Paths(data), 256, num_workers=args.workers))
        for batches in (10, min(500, args.count // 256 - 20)):
            for _ in range(batches):
                next(loader)
            print(f'{args.workers} workers after {batches} more batches: {used() - before} MB more')


if __name__ == '__main__':
    main()
