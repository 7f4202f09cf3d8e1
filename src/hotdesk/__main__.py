"""`python -m hotdesk` is `hotdesk`."""

from hotdesk.cli import app

app()
