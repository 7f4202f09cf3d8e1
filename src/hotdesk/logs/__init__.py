"""The event log: where everything that happens in a session is written, in one order, for every process that takes part."""
