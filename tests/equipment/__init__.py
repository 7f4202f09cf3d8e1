"""Test equipment: stands in for the world outside. Nothing here is part of Hotdesk."""
