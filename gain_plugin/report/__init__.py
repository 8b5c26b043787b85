"""A page that shows runs side by side: ``write_report``, and what an evaluation keeps for it."""

from gain_plugin.report.page import write_report

__all__ = ['write_report']
