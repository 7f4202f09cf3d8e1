"""Tools: what an agent can do, as MCP servers."""
