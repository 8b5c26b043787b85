"""Copies between CPU and accelerator that stall neither: labels are kept on the CPU, where they decide what is done."""

import torch
from torch import Tensor


def to_device(tensor: Tensor, like: Tensor) -> Tensor:
    """``tensor`` where ``like`` is; CUDA goes on meanwhile."""
    # towards the CPU nobody would wait for the copy, and MPS may read what is freed by then (pytorch/pytorch#189690)
    return tensor.to(like.device, non_blocking=like.device.type not in ('cpu', 'mps'))


class OnCPU:
    """A copy on the CPU, or the tensor itself if it is there, made while the device works on what it is given next.

    Begun before a pass and asked for after it, it has long been there: the CPU then waits for the copy, not for the
    pass.
    """

    def __init__(self, tensor: Tensor) -> None:
        on_cuda = tensor.device.type == 'cuda'
        self._copy = tensor.detach().to('cpu', non_blocking=on_cuda)  # into pinned memory
        self._made = torch.cuda.Event() if on_cuda else None
        if self._made is not None:
            self._made.record(torch.cuda.current_stream(tensor.device))

    def wait(self) -> Tensor:
        """The copy."""
        if self._made is not None:
            self._made.synchronize()
        return self._copy
