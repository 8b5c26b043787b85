import ctypes
import logging
from types import SimpleNamespace

import torch

from gain_plugin.mm.allocator import keep_freed_memory


def test_freed_memory_is_kept_and_said(monkeypatch, caplog):
    asked = []
    libc = SimpleNamespace(mallopt=lambda option, value: asked.append((option, value)) or 1)
    monkeypatch.setattr(ctypes, 'CDLL', lambda name: libc)
    with caplog.at_level(logging.INFO):
        assert keep_freed_memory(logging.getLogger())
    assert asked == [(-4, 0), (-1, 2**31 - 1)]
    assert 'mallopt' in caplog.text


def test_nothing_is_done_beside_a_gpu_or_with_another_c_library(monkeypatch):
    monkeypatch.setattr(ctypes, 'CDLL', lambda name: SimpleNamespace())
    assert not keep_freed_memory(logging.getLogger())
    monkeypatch.undo()
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    assert not keep_freed_memory(logging.getLogger())
