"""Brains: who decides an agent's next actions."""
