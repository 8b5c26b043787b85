from types import SimpleNamespace

import torch

from gain_plugin.mm.crf_hook import CRFHook


def test_a_test_that_an_error_ended_leaves_nothing():
    runner = SimpleNamespace(model=torch.nn.Identity())
    hook = CRFHook()
    for _ in range(2):  # mmengine calls after_test only where all went well
        hook.before_test(runner)
    assert len(runner.model._forward_hooks) == 1
    hook.after_test(runner)
    assert not runner.model._forward_hooks
