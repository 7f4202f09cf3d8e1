"""Workers as processes of this machine: forked from one that has everything imported, some of them ahead of time with their desks open."""

from hotdesk.engines.local.engine import LocalEngine

__all__ = ["LocalEngine"]
