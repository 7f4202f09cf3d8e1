"use client";

import { UserXIcon } from "lucide-react";
import { useState } from "react";
import { Message } from "@/components/shell/message";
import { ThinkingPanel } from "@/components/thinking/thinking-panel";
import { TaskCard } from "@/components/whiteboard/task-card";
import { useSession } from "@/hooks/use-session";
import { agentColour } from "@/lib/agents";
import { plural, spending } from "@/lib/format";
import { cn } from "@/lib/utils";
import { AgentDesk } from "./agent-desk";
import { SteerForm } from "./steer-form";

/** One agent: its desk, and beside it (below it on a narrow screen) what it thinks and which tasks it has had. */
export function AgentView({ id }: { id: string }) {
  const board = useSession((state) => state.board);
  const agent = Object.hasOwn(board.agents, id) ? board.agents[id] : undefined;
  const [panel, setPanel] = useState<"thinking" | "tasks">("thinking");
  if (!agent)
    return (
      <Message icon={UserXIcon} title="There is no such agent">
        This session has no agent «{id}». Choose another tab.
      </Message>
    );
  const tasks = Object.values(board.tasks).filter((task) => task.agent === id || task.tried_by.includes(id));
  const complete = board.status === "complete";
  return (
    <div style={agentColour(board, id)} className="flex flex-col gap-4 p-4 sm:px-6 lg:h-full lg:flex-row lg:gap-5 lg:overflow-hidden">
      <div className="thin-scroll flex min-w-0 flex-col lg:flex-1 lg:overflow-y-auto xl:overflow-visible">
        <AgentDesk key={id} session={board.session} agent={agent} complete={complete} />
      </div>
      <div className="flex h-[72dvh] min-h-96 flex-col overflow-hidden rounded-xl border bg-card lg:h-auto lg:min-h-0 lg:w-[23rem] lg:shrink-0 xl:w-[27rem]">
        <div role="group" aria-label="Show" className="flex shrink-0 border-b p-2 text-[13px] gap-1">
          {(["thinking", "tasks"] as const).map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={panel === name}
              onClick={() => setPanel(name)}
              className={cn(
                "h-8 flex-1 rounded-md font-medium transition-colors",
                panel === name ? "bg-muted text-foreground" : "text-muted-foreground hover:text-foreground",
              )}
            >
              {name === "thinking" ? "Thinking" : "Tasks"}
              <span className="ml-1.5 font-normal text-muted-foreground tabular-nums">
                {name === "thinking" ? [plural(agent.step, "step"), spending(agent.spent)].filter(Boolean).join(", ") : tasks.length}
              </span>
            </button>
          ))}
        </div>
        {panel === "thinking" ? (
          <ThinkingPanel key={id} agent={agent} className="flex-1" />
        ) : (
          <div
            tabIndex={0}
            role="region"
            aria-label={`${agent.name}'s tasks`}
            className="thin-scroll min-h-0 flex-1 overflow-y-auto p-3 focus-visible:-outline-offset-2"
          >
            {tasks.length === 0 ? (
              <p className="px-3 py-8 text-center text-muted-foreground text-sm">{agent.name} has had no task yet.</p>
            ) : (
              <ul className="flex flex-col gap-2.5">
                {tasks.map((task) => (
                  <li key={task.id}>
                    <TaskCard task={task} board={board} />
                  </li>
                ))}
              </ul>
            )}
          </div>
        )}
        <SteerForm key={`steer-${id}`} session={board.session} agent={agent} complete={complete} />
      </div>
    </div>
  );
}
