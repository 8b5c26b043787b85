"""Line charts as SVG that stands in a page."""

import io
import re
from collections.abc import Sequence
from typing import NamedTuple

COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000')
"""Okabe and Ito's, told apart by colour-blind readers."""
STYLES = ('-', '--', '-.', ':')


class Line(NamedTuple):
    """What is drawn of a run."""

    x: Sequence[float]
    y: Sequence[float | None]
    """As many as ``x``; None where there is no value."""
    mark: tuple[float, float] | None = None
    """A point on the line that is marked."""


def line_chart(lines: dict[str, Line | None], x_label: str, y_label: str) -> str:
    """One line a run, by its name; None where a run has none, so that each has its colour in all charts."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({'svg.fonttype': 'none', 'font.family': 'sans-serif', 'text.parse_math': False}):
        figure = Figure(figsize=(4.6, 3), layout='constrained')
        axis = figure.add_subplot()
        for index, (name, line) in enumerate(lines.items()):
            if line is None:
                continue
            colour = COLOURS[index % len(COLOURS)]
            style = STYLES[index % len(STYLES)] if len(line.x) > 1 else 'o'
            values = [float('nan') if value is None else value for value in line.y]
            axis.plot(line.x, values, style, color=colour, label=f'\u200b{name}', linewidth=1.6)  # _name is hidden
            if line.mark:
                axis.plot(*line.mark, 'o', color=colour)
        axis.set(xlabel=x_label, ylabel=y_label)
        if y_label.startswith(('share', 'score')):
            axis.set_ylim(0, max(axis.get_ylim()[1], 0.1))
        axis.grid(alpha=0.3)
        if len(lines) > 1:
            axis.legend(fontsize='small')
        file = io.StringIO()
        figure.savefig(file, format='svg', metadata={'Date': None})
    svg = file.getvalue()
    svg = re.sub(r'<metadata>.*?</metadata>', '', svg[svg.index('<svg') :], flags=re.DOTALL)
    return svg.replace('<svg ', '<svg aria-hidden="true" ', 1)  # the figure around it has the words
