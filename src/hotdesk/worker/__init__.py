"""The worker: one process, one agent, one desk, one task at a time."""
