"""The attention maps of a classifier, without guidance: what metrics, labels and pictures use."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from gain_plugin.attention import attention_maps, check_images, normalize_maps
from gain_plugin.layers import Layers, Layout, ProbeError, find_layers, layout_by_shape, size_of
from gain_plugin.layers.scores import read_scores
from gain_plugin.passes import one_at_a_time, pass_with
from gain_plugin.recorder import Recorder, get_layer
from gain_plugin.settings import check_function


class CAM(nn.Module):
    """Reads the attention maps of a classifier (Eq. 1-2), which stays as it is.

    Example::

        cam = CAM(timm.create_model('resnet18', pretrained=True)).eval()
        maps = cam.attention(images, labels)

    Args:
        classifier: the model, one score a class.
        target_layer: name of the layer f of Eq. 2, which gives a grid: (N, C, h, w), (N, h, w, C) or tokens; or of a
            layer that it goes into, as ``'head:input'``, or with the ReLU behind it, as ``'norm:relu'``. Found by
            ``find_layers`` if not given.
        score_layer: name of the layer that gives the scores; ``''`` is the classifier itself. Found, too, or the
            classifier itself beside a given ``target_layer``.
        reshape: a function that brings what the target layer gives into (N, C, h, w), where no layout can be learnt.
        scores: a function that takes the scores (N, K), before any sigmoid or softmax, out of what the score layer
            gives, as ``lambda output: output[1]``. Not needed for a tensor (N, K), for the logits (N, K, h, w) of a
            segmentation network, which are pooled over the image, for a collection with one tensor (N, K), or for one
            with ``logits``.
        weigh: another map than Grad-CAM, as in ``attention_maps``.
        score_kwargs: keyword arguments with which the classifier gives scores, as ``{'mode': 'tensor'}`` in mmengine.
            ``inputs`` of a batch take the place of those with the same names.

    Raises:
        ValueError: no layers found, or no layer of that name.

    """

    def __init__(
        self,
        classifier: nn.Module,
        *,
        target_layer: str | None = None,
        score_layer: str | None = None,
        reshape: Callable[[Tensor], Tensor] | None = None,
        scores: Callable[[Any], Tensor] | None = None,
        weigh: Callable[[Tensor, Tensor], Tensor] | None = None,
        score_kwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(classifier, nn.Module):
            raise ValueError(f'the classifier must be a torch.nn.Module, got {classifier!r}')
        if any(parameter.is_inference() for parameter in classifier.parameters()):
            raise ValueError(
                f'{type(classifier).__name__} was built under torch.inference_mode(), so that no gradient can pass '
                'it: build it and load its weights outside'
            )
        for setting, function in (('reshape', reshape), ('scores', scores), ('weigh', weigh)):
            check_function(setting, function)
        if score_kwargs is not None and not isinstance(score_kwargs, dict):
            raise ValueError(f'score_kwargs must be keyword arguments, as dict(mode="tensor"), got {score_kwargs!r}')
        self.score_kwargs = score_kwargs or {}
        if isinstance(classifier, nn.DataParallel):
            raise ValueError(
                f'wrap it the other way round, DataParallel({type(self).__name__}(model)), for what the layers of '
                'replicas put out cannot be put together; or take DistributedDataParallel'
            )
        for name in (target_layer, score_layer):
            get_layer(classifier, name or '')
        if target_layer is not None and score_layer is None and not self.score_kwargs:
            score_layer = ''
        self.classifier = classifier
        self.reshape = reshape
        self.scores = scores
        self.found = self._look(target_layer, score_layer)
        self.target_layer: str = self.found.target if self.found else target_layer or ''
        self.score_layer: str = self.found.score if self.found else score_layer or ''
        self.layout: Layout | None = self.found.layout if self.found else None
        self.weigh = weigh

    def attention(
        self, images: Tensor, labels: Tensor, *, normalize: bool = True, inputs: dict[str, Any] | None = None
    ) -> Tensor:
        """Detached maps (P, h, w) of all positive pairs, in the classifier's present mode; call ``eval()`` first.

        The graph begins at the target layer, so the cost beside the forward pass is one backward through the head for
        each label of the image that has the most. Works under ``no_grad`` and ``inference_mode``, too.

        Args:
            images: (N, C, H, W), normalised.
            labels: (N, K) multi-hot.
            normalize: divide each map by its own maximum. Without it, maps of several scales can be added up.
            inputs: further keyword arguments of the classifier for this batch.

        """
        check_images(images)
        names = (self.target_layer, self.score_layer)
        recorder = Recorder(self.classifier, *names, whole=self.score_layer, graph_from=self.target_layer)
        with one_at_a_time(self.classifier), torch.inference_mode(False), torch.no_grad(), recorder:
            images = images.clone() if images.is_inference() else images
            output = self._pass(images, inputs)
            features, scores = self.read(recorder, output)
            maps = self.maps(images, labels, features, scores, second_order=False).detach()
        torch.clear_autocast_cache()  # weights cast without a graph must not serve a training step
        return normalize_maps(maps) if normalize else maps

    def record(self) -> Recorder:
        """Recorder of the target and score layers, for a pass of the classifier that somebody else makes."""
        return Recorder(self.classifier, self.target_layer, self.score_layer, whole=self.score_layer)

    def read(self, recorder: Recorder, output: Any = None) -> tuple[Tensor, Tensor]:
        """Features, as the target layer gives them, and scores (N, K) of the pass that was recorded.

        Args:
            recorder: of ``record``.
            output: what the classifier returned; only needed for one that overrides ``__call__``.

        """
        return recorder[self.target_layer], self._scores_of(recorder, output)

    def maps(
        self, images: Tensor, labels: Tensor, features: Tensor, scores: Tensor, *, second_order: bool = True
    ) -> Tensor:
        """(P, h, w) maps of all positive pairs with their graph, undivided, from what a pass over ``images`` gave."""
        if self.layout is None and self.reshape is None:
            self.layout = layout_by_shape(features, size_of(images))
        reshape = self.reshape or partial(self.layout.to_grid, image_size=size_of(images))  # type: ignore[union-attr]
        return attention_maps(
            features,
            scores,
            labels,
            normalize=False,
            second_order=second_order,
            reshape=reshape,
            weigh=self.weigh,
        )

    def extra_repr(self) -> str:
        """What was found, for the log and ``print``."""
        if self.found is None or self.layout is None:
            return f'target_layer={self.target_layer!r}, score_layer={self.score_layer!r}'
        (height, width), (rows, columns) = self.layout.image_size, self.layout.grid
        return (
            f'target_layer={self.target_layer!r}, score_layer={self.score_layer!r}, grid {rows} x {columns} for images '
            f'of {height} x {width}, {self.found.share:.0%} of the layers with weights below it'
        )

    def _look(self, target_layer: str | None, score_layer: str | None) -> Layers | None:
        """What is found in the classifier; None where its layers are named and it takes no probing images."""
        try:
            return find_layers(
                self.classifier,
                self.score_kwargs,
                target_layer=target_layer,
                score_layer=score_layer,
                scores=self.scores,
                reshape=self.reshape,
            )
        except ProbeError:
            if target_layer is None:
                raise
            return None

    def score(
        self, model: nn.Module, images: Tensor, inputs: dict[str, Any], replace: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """(N, K) scores of ``images`` by ``model``, the classifier or one like it, which is left without a trace.

        Args:
            model: has the classifier's layers.
            images: (N, C, H, W).
            inputs: keyword arguments of the model for these images.
            replace: gives what takes the place of each parameter, as ``torch.detach``.

        """
        devices = [images.device] if images.device.type == 'cuda' else []
        with torch.random.fork_rng(devices), Recorder(model, self.score_layer, whole=self.score_layer) as recorder:
            output = pass_with(model, replace, (images,), {**self.score_kwargs, **inputs})
        return self._scores_of(recorder, output)

    def _pass(self, images: Tensor, inputs: dict[str, Any] | None) -> Any:
        if not isinstance(inputs or {}, Mapping):
            raise ValueError(f'inputs must be keyword arguments of the classifier, got a {type(inputs).__name__}')
        return self.classifier(images.clone(), **{**self.score_kwargs, **(inputs or {})})  # some write into it

    def _scores_of(self, recorder: Recorder, output: Any) -> Tensor:
        given = output if self.score_layer == '' and output is not None else recorder[self.score_layer]
        return self.scores(given) if self.scores else read_scores(given)
