"""What all verbs share: errors in one line, and ``--traceback`` for the whole of it."""

import errno
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click


class Verb(click.Command):
    """A command whose expected errors are a sentence on stderr and exit code 1.

    An option that may be repeated takes several values in a row, too, as ``--classes cat dog``.

    Args:
        args: as in click.
        examples: command lines for ``--help``, without ``gain-plugin``.
        settings: as in click.

    """

    def __init__(self, *args: Any, examples: Sequence[str], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.examples = examples
        self.params.append(click.Option(['--traceback'], is_flag=True, help='show where an error comes from'))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Called by click."""
        several = {name for one in self.params if isinstance(one, click.Option) and one.multiple for name in one.opts}
        return super().parse_args(ctx, list(repeated(args, several)))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Called by click."""
        with formatter.section('Examples'):
            for example in self.examples:
                formatter.write(f'{"":{formatter.current_indent}}gain-plugin {example}\n')

    def invoke(self, ctx: click.Context) -> Any:
        """Called by click."""
        if ctx.params.pop('traceback'):
            return super().invoke(ctx)
        try:
            return super().invoke(ctx)
        except (ValueError, OSError, ImportError) as error:
            if getattr(error, 'errno', None) == errno.EPIPE:  # whoever read the output has gone: click knows
                raise
            raise click.ClickException(str(error)) from error


def repeated(words: Iterable[str], several: set[str]) -> Iterator[str]:
    """``--classes cat dog`` as ``--classes cat --classes dog``."""
    option, waiting = None, False
    for word in words:
        if not word.startswith('-'):
            yield from [option, word] if option else [word]
            waiting = False
            continue
        yield from [option] if option and waiting else []  # click says that its value is missing
        option, waiting = (word, True) if word in several else (None, False)
        yield from [] if option else [word]
    yield from [option] if option and waiting else []
