"""What all verbs share: errors in one line, and ``--traceback`` for the whole of it."""

import errno
from collections.abc import Sequence
from typing import Any

import click


class Verb(click.Command):
    """A command whose expected errors are a sentence on stderr and exit code 1.

    Args:
        args: as in click.
        examples: command lines for ``--help``, without ``gain-plugin``.
        settings: as in click.

    """

    def __init__(self, *args: Any, examples: Sequence[str], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.examples = examples
        self.params.append(click.Option(['--traceback'], is_flag=True, help='show where an error comes from'))

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
