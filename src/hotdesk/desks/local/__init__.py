"""Local desks: sandboxed Linux desktops on this machine, bubblewrap around Xvnc, driven in process over the X protocol."""

from hotdesk.desks.local.provider import LocalDesks

__all__ = ["LocalDesks"]
