"""Desks: Linux desktops for agents, behind one contract."""
