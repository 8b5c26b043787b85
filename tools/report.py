"""Show runs side by side on one page: ``python tools/report.py WORK_DIR...``, the same as ``gain-plugin report``."""

from gain_plugin.commands.report import report

if __name__ == '__main__':
    report()
