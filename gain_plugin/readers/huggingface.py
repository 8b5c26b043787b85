"""Data sets of Hugging Face's ``datasets`` with a column of images and one of labels."""

from pathlib import Path
from typing import Any

from gain_plugin.photos import is_picture
from gain_plugin.readers.annotations import Annotations, Photo


def read_huggingface(dataset: Any, root: Path, image: str = 'image', labels: str | None = None) -> Annotations:
    """Write the photos into a folder, as they are encoded in the data set, and give their labels.

    Args:
        dataset: a ``datasets.Dataset``.
        root: the folder for the photos.
        image: column of images.
        labels: column of a ``ClassLabel``, or of a list of them; ``label`` or ``labels``, whichever is there, if None.

    Raises:
        ImportError: ``datasets`` is not installed.
        ValueError: a column that lacks or is of another kind, or a row without an image or a label.

    """
    try:
        import datasets
    except ImportError as error:
        raise ImportError("this reader needs datasets: pip install 'gain_plugin[huggingface]'") from error
    labels = labels or next((name for name in ('label', 'labels') if name in dataset.features), 'label')
    for column in (image, labels):
        if column not in dataset.features:
            raise ValueError(f'no column {column!r} among {sorted(dataset.features)}: name it')
    if not isinstance(dataset.features[image], datasets.Image):
        raise ValueError(f'the column {image!r} must hold images, it is {dataset.features[image]}')
    names = getattr(getattr(dataset.features[labels], 'feature', dataset.features[labels]), 'names', None)
    if not names:
        raise ValueError(f'the column {labels!r} must be a ClassLabel or a list of them: cast it to one')
    rows = dataset.select_columns([image, labels]).cast_column(image, datasets.Image(decode=False))
    root.mkdir(parents=True, exist_ok=True)
    digits = len(str(len(rows)))
    photos = [
        Photo(_write(row[image], root, f'{number:0{digits}}'), _labels(row[labels], number))
        for number, row in enumerate(rows)
    ]
    return Annotations(root, tuple(names), tuple(photos))


def _labels(value: Any, row: int) -> tuple[int, ...]:
    found = value if isinstance(value, list) else [value]
    if any(label is None or label < 0 for label in found):
        raise ValueError(f'row {row} has the label {value}: rows without a label must be left out')
    return tuple(sorted(set(found)))


def _write(image: dict[str, Any] | None, root: Path, stem: str) -> str:
    if image is None:
        raise ValueError(f'row {int(stem)} has no image')
    path = Path(image['path'] or '')
    content = image['bytes'] if image['bytes'] is not None else path.read_bytes()
    name = stem + (path.suffix if is_picture(f'a{path.suffix}') else _extension(content))
    (root / name).write_bytes(content)
    return name


def _extension(content: bytes) -> str:
    import io

    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        return f'.{(image.format or "png").lower()}'
