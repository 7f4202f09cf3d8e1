"use client";

import { ClipboardListIcon, FlagIcon, LayoutGridIcon } from "lucide-react";
import { type ComponentProps, type ReactNode, useEffect, useRef } from "react";
import { AgentMark } from "@/components/agents/agent-badge";
import { TabsList, TabsTrigger } from "@/components/ui/tabs";
import { useSession } from "@/hooks/use-session";
import { AGENT_STATUS, agentColour, isOver, progressOf, taskTitle } from "@/lib/agents";
import { cn } from "@/lib/utils";
import type { AgentState, Whiteboard } from "@/lib/whiteboard";

/** A tab for the overview, for every agent (name, state, current task), for the whiteboard, and for the summary once there is one. */
export function ViewTabs({ view }: { view: string }) {
  const list = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the open tab is moved into view when another one is opened
  useEffect(() => {
    const open = list.current?.querySelector<HTMLElement>("[data-state=active]");
    if (!list.current || !open) return;
    const { scrollLeft, clientWidth } = list.current;
    if (open.offsetLeft < scrollLeft + 16) list.current.scrollLeft = open.offsetLeft - 16;
    else if (open.offsetLeft + open.offsetWidth > scrollLeft + clientWidth - 16)
      list.current.scrollLeft = open.offsetLeft + open.offsetWidth - clientWidth + 16;
  }, [view]);

  const board = useSession((state) => state.board);
  const { tasks, done } = progressOf(board);
  return (
    <TabsList
      ref={list}
      aria-label="Session"
      className="thin-scroll relative flex min-w-0 gap-1 overflow-x-auto px-3 py-1.5 [scrollbar-width:none] sm:px-5"
    >
      <Tab value="overview" data-testid="tab-overview">
        <LayoutGridIcon className="size-4 text-muted-foreground" aria-hidden="true" />
        <Label>Overview</Label>
      </Tab>
      {Object.values(board.agents).map((agent) => (
        <AgentTab key={agent.id} agent={agent} board={board} />
      ))}
      <Tab value="whiteboard" data-testid="tab-whiteboard">
        <ClipboardListIcon className="size-4 text-muted-foreground" aria-hidden="true" />
        <Label>Whiteboard</Label>
        {tasks.length > 0 && (
          <span className="text-muted-foreground text-xs tabular-nums">
            {done}/{tasks.length}
          </span>
        )}
      </Tab>
      {board.summary && (
        <Tab value="summary" data-testid="tab-summary">
          <FlagIcon className="size-4 text-muted-foreground" aria-hidden="true" />
          Summary
        </Tab>
      )}
    </TabsList>
  );
}

/** On a narrow screen only the open tab is written out. */
function Label({ children }: { children: ReactNode }) {
  return <span className="max-sm:sr-only max-sm:group-data-[state=active]:not-sr-only">{children}</span>;
}

function Tab({ className, ...props }: ComponentProps<typeof TabsTrigger>) {
  return (
    <TabsTrigger
      className={cn(
        "group relative flex h-9 shrink-0 items-center md:h-11 gap-2 rounded-lg border border-transparent px-3 font-medium text-[13px] text-muted-foreground max-sm:px-2 transition-colors hover:bg-accent hover:text-foreground focus-visible:-outline-offset-2 data-[state=active]:border-border data-[state=active]:bg-background data-[state=active]:text-foreground data-[state=active]:shadow-xs",
        className,
      )}
      {...props}
    />
  );
}

const dots: Partial<Record<AgentState["status"], string>> = {
  starting: "bg-muted-foreground animate-breathe",
  working: "agent-dot animate-breathe",
  paused: "bg-warn",
  taken: "bg-warn",
  lost: "bg-bad",
};

function AgentTab({ agent, board }: { agent: AgentState; board: Whiteboard }) {
  const title = taskTitle(board, agent.task);
  const { word } = AGENT_STATUS[agent.status];
  return (
    <Tab
      value={`agent:${agent.id}`}
      data-testid={`agent-tab-${agent.id}`}
      aria-label={`${agent.name}, ${word}${title ? `: ${title}` : ""}`}
      title={title || undefined}
      style={agentColour(board, agent.id)}
    >
      <AgentMark name={agent.name} className={cn("max-md:size-5.5", isOver(agent) && "opacity-60")} />
      <span className="flex min-w-0 flex-col items-start leading-4">
        <span className="flex items-center gap-1.5">
          <Label>{agent.name}</Label>
          <span className="flex items-center gap-1.5 font-normal text-muted-foreground text-xs">
            {dots[agent.status] && <span aria-hidden="true" className={cn("size-1.5 rounded-full", dots[agent.status])} />}
            <span className="max-sm:sr-only">{word}</span>
          </span>
        </span>
        {title && (
          <span dir="auto" className="max-w-40 truncate font-normal text-[11px] text-muted-foreground max-md:hidden">
            {title}
          </span>
        )}
      </span>
    </Tab>
  );
}
