import { Badge } from "@/components/ui/badge";
import { AGENT_STATUS } from "@/lib/agents";
import { cn } from "@/lib/utils";
import type { AgentState } from "@/lib/whiteboard";

/** The agent's first letters in its colour. The colour comes from `--agent`, set by whoever shows the agent. */
export function AgentMark({ name, className }: { name: string; className?: string }) {
  return (
    <span
      aria-hidden="true"
      className={cn(
        "inline-flex size-6 shrink-0 items-center justify-center rounded-md font-semibold text-[11px] tracking-tight agent-tint",
        className,
      )}
    >
      {name.slice(0, 2) || "?"}
    </span>
  );
}

export function AgentStatusBadge({ agent }: { agent: AgentState }) {
  const { word, tone, live } = AGENT_STATUS[agent.status];
  return (
    <Badge tone={tone}>
      {live && <span aria-hidden="true" className="size-1.5 animate-breathe rounded-full bg-current" />}
      {word}
    </Badge>
  );
}
