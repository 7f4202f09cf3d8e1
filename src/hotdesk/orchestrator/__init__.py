"""The orchestrator: breaks prompts into tasks, pushes tasks to agents, and closes sessions."""

from hotdesk.orchestrator.sessions import Orchestrator

__all__ = ["Orchestrator"]
