"""``gain-plugin report``."""

from pathlib import Path

import click

from gain_plugin.commands.verb import Verb


@click.command(cls=Verb, examples=['report work_dirs/plain work_dirs/gain --out report.html'])
@click.argument('work_dirs', nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option('--out', default='report.html', show_default=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option('-q', '--quiet', is_flag=True, help='print nothing but errors')
def report(work_dirs: tuple[Path, ...], out: Path, quiet: bool) -> None:
    """Show the runs in WORK_DIRS side by side on one page, which needs no other file and no network.

    Figures, curves, and the photos of the last evaluation with their maps, the worst first. The first run is what the
    others are compared with.
    """
    from gain_plugin.report import write_report

    write_report(work_dirs, out)
    if not quiet:
        click.echo(f'{out}: {out.stat().st_size / 1e6:.1f} MB')
