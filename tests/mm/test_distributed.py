import os

import pytest
import torch
import torch.multiprocessing as mp
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from test_hook import LAYERS, Host, Toy
from tiny import Tiny
from torch.utils.data import DataLoader, Dataset

from gain_plugin.mm import GAINHook


class Share(Dataset):
    """Of each batch of four of the toy, the part of one process."""

    def __init__(self, rank: int, world: int) -> None:
        self.toy = Toy(masks=True)
        per = 4 // world
        self.index = [first + rank * per + i for first in range(0, 16, 4) for i in range(per)]
        self.batch = per

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, index: int) -> dict:
        return self.toy[self.index[index]]


def join(rank: int, world: int) -> None:
    """What torchrun and mmengine's launcher set, in a process of ``mp.spawn``."""
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(world), LOCAL_RANK=str(rank))
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(20000 + os.getppid() % 20000))
    torch.set_num_threads(1)
    torch.cuda.set_device = lambda device: None  # mmengine's launcher sets one even where there is none


def train(rank: int, world: int, folder: str, scorer: str) -> None:
    join(rank, world)
    torch.manual_seed(0)
    data = Share(rank, world)
    runner = Runner(
        Host(Tiny()),
        f'{folder}/{world}',
        train_dataloader=DataLoader(data, batch_size=data.batch, collate_fn=pseudo_collate),
        train_cfg={'type': 'IterBasedTrainLoop', 'max_iters': 4},
        optim_wrapper={'type': 'OptimWrapper', 'optimizer': {'type': 'SGD', 'lr': 0.5}},
        default_hooks={'checkpoint': {'type': 'CheckpointHook', 'interval': 4, 'by_epoch': False}},
        custom_hooks=[GAINHook(gain={**LAYERS, 'scorer': scorer, 'one_class': False}, warmup=0)],
        launcher='none' if world == 1 else 'pytorch',
        env_cfg={'dist_cfg': {'backend': 'gloo'}},
        cfg={'model_wrapper_cfg': {'type': 'MMDistributedDataParallel', 'device_ids': None}},
        log_level='ERROR',
    )
    runner.train()


@pytest.mark.parametrize('scorer', ['shared', 'frozen'])
def test_two_processes_equal_one(tmp_path, scorer):
    for world in (1, 2):
        mp.spawn(train, (world, str(tmp_path), scorer), nprocs=world)
    one, two = (torch.load(tmp_path / str(world) / 'iter_4.pth', weights_only=False)['state_dict'] for world in (1, 2))
    for name, value in one.items():
        torch.testing.assert_close(value, two[name], atol=1e-3, rtol=0)  # float32, four steps at a rate of 0.5
