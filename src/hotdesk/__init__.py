"""Hotdesk: one prompt in, a team of computer-use agents at their own Linux desktops, a summary with their files out."""

__version__ = "0.1.0"
