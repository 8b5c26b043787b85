"""Copies between CPU and accelerator that stall neither: labels are kept on the CPU, where they decide what is done."""

import torch
from torch import Tensor


def to_device(tensor: Tensor, like: Tensor) -> Tensor:
    """``tensor`` where ``like`` is; a device goes on meanwhile."""
    return tensor.to(like.device, non_blocking=like.device.type != 'cpu')  # towards the CPU nobody would wait for it


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
