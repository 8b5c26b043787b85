"""The scores (N, K) in what a classifier returns."""

from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_flatten

from gain_plugin.pooling import pool_logits


def read_scores(output: Any) -> Tensor:
    """Scores (N, K), before any sigmoid or softmax, in what a classifier or its score layer gives.

    Args:
        output: (N, K); logits (N, K, h, w) of a segmentation network, which are pooled over the image; a collection
            with ``logits``, as those of Hugging Face, or with exactly one tensor (N, K).

    Raises:
        ValueError: none of these; the message says what there is.

    """
    if isinstance(output, Tensor):
        return pool_logits(output) if output.ndim == 4 else output
    logits = output.get('logits') if isinstance(output, dict) else getattr(output, 'logits', None)
    if isinstance(logits, Tensor):
        return read_scores(logits)
    if output is None:
        raise ValueError(
            'the classifier returns None in this mode: name the score_layer that gives its scores (N, K), '
            'or wrap it in a module that returns them'
        )
    tensors = [leaf for leaf in tree_flatten(output)[0] if isinstance(leaf, Tensor)]
    rows = [tensor for tensor in tensors if tensor.ndim == 2]
    if len(rows) == 1:
        return rows[0]
    shapes = ', '.join(str(tuple(tensor.shape)) for tensor in tensors) or 'no tensor'
    raise ValueError(
        f'the classifier gives a {type(output).__name__} of {shapes}, so it is open which are its scores (N, K): '
        'say it by scores=, as scores=lambda output: output[0]'
    )
