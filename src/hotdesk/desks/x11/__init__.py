"""Driving an X display: seeing its pixels, typing and pointing exactly, and knowing when it has come to rest.

Nothing here knows what a desk is or where it runs: local desks use it from the worker, over the sandbox's socket; E2B's use it inside the
sandbox, where our attendant takes these very files along. So it imports the standard library, anyio and `hotdesk.errors` and nothing else,
and keeps to what Python 3.10 has.
"""
