"""Engines: where worker processes are placed."""
