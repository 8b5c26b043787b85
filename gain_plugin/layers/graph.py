"""What the graph behind scores tells: which nodes every path passes, and where it is cut."""

from collections.abc import Iterable

from torch import Tensor
from torch.autograd.graph import Node

_SELECTING = ('MaxPool', 'MaxBackward', 'Amax', 'Topk', 'Sort', 'Kthvalue')
_ENDS = {'SigmoidBackward0': 'sigmoid', 'SoftmaxBackward0': 'softmax', 'LogSoftmaxBackward0': 'log_softmax'}


def node_of(tensor: Tensor | Node) -> Node:
    """The node that gives the tensor its gradient; of a leaf, the node that gathers it; a node as it is."""
    if not isinstance(tensor, Tensor):
        return tensor
    if tensor.grad_fn is not None:
        return tensor.grad_fn
    return tensor.view_as(tensor).grad_fn.next_functions[0][0]  # type: ignore[union-attr,return-value]


def nodes_behind(scores: Tensor | Node) -> list[Node]:
    """All nodes that the scores depend on, inputs first."""
    order: list[Node] = []
    seen: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(node_of(scores), False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((child, False) for child, _ in node.next_functions if child is not None)
    return order


def leading_to(images: Tensor, order: list[Node], without: Iterable[Node | None] = ()) -> set[Node]:
    """Those nodes of ``order`` from which a path leads to the images, past the nodes ``without``."""
    leads = {node_of(images)}
    closed = set(without)
    for node in order:
        if node not in closed and any(child in leads for child, _ in node.next_functions):
            leads.add(node)
    return leads & set(order)


def passed_by_all(scores: Tensor | Node, images: Tensor) -> set[Node]:
    """Nodes that lie on every path from the scores to the images."""
    order = nodes_behind(scores)
    leads = leading_to(images, order)
    passed: set[Node] = set()
    ahead: set[Node] = set()  # where the paths followed so far go on
    for node in reversed(order):
        if node in leads:
            ahead.discard(node)
            if not ahead:
                passed.add(node)
            ahead.update(child for child, _ in node.next_functions if child in leads)
    return passed


def arms(scores: Tensor, images: Tensor) -> list[Node]:
    """Nodes that are joined to the scores, as what the heads of two branches give is by a sum; of one path, none."""
    leads = leading_to(images, nodes_behind(scores))
    node = node_of(scores)
    while True:
        children = list(dict.fromkeys(child for child, _ in node.next_functions if child in leads))
        if len(children) != 1:
            return children
        node = children[0]


def behind_selection(scores: Tensor) -> set[Node]:
    """Nodes of which a maximum, or the largest values, went into the scores: few of their cells have a gradient."""
    behind: set[Node] = set()
    for node in reversed(nodes_behind(scores)):
        if node in behind or any(word in node.name() for word in _SELECTING):
            behind.update(child for child, _ in node.next_functions if child is not None)
    return behind


def last_activation(scores: Tensor) -> str | None:
    """Sigmoid or softmax that gave the scores as they are, if one did."""
    node = scores.grad_fn
    while node is not None and node.name() in ('AliasBackward0', 'CloneBackward0', 'ViewBackward0', 'ToCopyBackward0'):
        node = node.next_functions[0][0]
    return None if node is None else _ENDS.get(node.name())
