"use client";

import { Desktop } from "@/components/desktop/desktop";
import { useSession } from "@/hooks/use-session";
import { AGENT_STATUS, agentColour, isOver, taskTitle } from "@/lib/agents";
import type { AgentState } from "@/lib/whiteboard";
import { AgentMark, AgentStatusBadge } from "./agent-badge";

/** A desk among the others: live, view only; a click opens the agent. */
export function AgentTile({ session, agent, onOpen }: { session: string; agent: AgentState; onOpen: () => void }) {
  const board = useSession((state) => state.board);
  const title = taskTitle(board, agent.task);
  const { word } = AGENT_STATUS[agent.status];
  return (
    <article
      style={agentColour(board, agent.id)}
      className="group relative min-w-0 overflow-hidden rounded-xl border bg-card transition-[border-color,box-shadow] focus-within:agent-border hover:shadow-lift hover:agent-border"
    >
      <Desktop session={session} agent={agent} size="tile" />
      <div className="flex items-start gap-3 border-t px-3.5 py-3">
        <AgentMark name={agent.name} className="mt-px" />
        <div className="min-w-0 flex-1">
          <div className="flex items-center justify-between gap-2">
            <h2 className="truncate font-semibold text-sm tracking-tight">{agent.name}</h2>
            <AgentStatusBadge agent={agent} />
          </div>
          <p dir="auto" className="mt-0.5 truncate text-[13px]" title={title || undefined}>
            {title || (isOver(agent) ? agent.reason || "No more work for it" : "No task at the moment")}
          </p>
          <p dir="auto" className="truncate text-muted-foreground text-xs leading-5" title={agent.says || undefined}>
            {agent.says ? `${agent.step > 0 ? `Step ${agent.step}: ` : ""}${agent.says}` : "Nothing done yet"}
          </p>
        </div>
      </div>
      <button
        type="button"
        onClick={onOpen}
        aria-label={`Open ${agent.name}'s desk. ${word}${title ? `: ${title}` : ""}`}
        className="absolute inset-0 rounded-xl focus-visible:-outline-offset-2"
      />
    </article>
  );
}
