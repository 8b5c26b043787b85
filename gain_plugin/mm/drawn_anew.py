"""Networks of other libraries whose weights mmengine draws anew: ``Runner.train()`` calls each ``init_weights``."""

from mmengine.model import BaseModule
from mmengine.runner import Runner
from torch import nn


def fingerprints(host: nn.Module) -> dict[str, list[float]]:
    """Of each network that has an ``init_weights`` and is no mmengine module, but a child of one: a sum a parameter."""
    return {
        f'{prefix}.{name}'.removeprefix('.'): [
            parameter.detach().double().sum().item() for parameter in child.parameters()
        ]
        for prefix, module in host.named_modules()
        if isinstance(module, BaseModule)
        for name, child in module.named_children()
        if not isinstance(child, BaseModule) and hasattr(child, 'init_weights')
    }


def tell_of_drawn(runner: Runner, host: nn.Module, before: dict[str, list[float]]) -> None:
    """Warn of networks whose weights are others than ``before``, unless a checkpoint has given all of them."""
    if runner._load_from is not None or runner._resume:
        return
    for name, after in fingerprints(host).items():
        if after != before.get(name, after):
            network = type(host.get_submodule(name)).__name__
            runner.logger.warning(
                f'GAIN: mmengine has drawn the weights of {name!r} ({network}) anew, by its init_weights(), as '
                'training began: if they were pretrained, that is lost. Give the module that holds it an '
                'init_weights() that does nothing, or load them by load_from='
            )
