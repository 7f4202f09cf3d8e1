"use client";

import {
  BanIcon,
  CheckIcon,
  ChevronRightIcon,
  CircleDashedIcon,
  CircleSlashIcon,
  LoaderCircleIcon,
  PaperclipIcon,
  XIcon,
} from "lucide-react";
import { AgentMark } from "@/components/agents/agent-badge";
import { Badge } from "@/components/ui/badge";
import { agentColour, TASK_STATUS, taskTitle } from "@/lib/agents";
import { plural } from "@/lib/format";
import { cn } from "@/lib/utils";
import type { TaskState, Whiteboard } from "@/lib/whiteboard";

export function TaskIcon({ task, className }: { task: TaskState; className?: string }) {
  const shared = cn("size-4 shrink-0", className);
  if (task.status === "completed") return <CheckIcon className={cn(shared, "text-good")} aria-hidden="true" />;
  if (task.status === "failed")
    return task.attempt === 0 ? (
      <BanIcon className={cn(shared, "text-bad")} aria-hidden="true" />
    ) : (
      <XIcon className={cn(shared, "text-bad")} aria-hidden="true" />
    );
  if (task.status === "running") return <LoaderCircleIcon className={cn(shared, "animate-spin text-link")} aria-hidden="true" />;
  if (task.status === "dropped") return <CircleSlashIcon className={cn(shared, "text-muted-foreground")} aria-hidden="true" />;
  return <CircleDashedIcon className={cn(shared, "text-muted-foreground")} aria-hidden="true" />;
}

/** A task on the whiteboard: its state, who has it, what it waits for and what came of it. */
export function TaskCard({ task, board }: { task: TaskState; board: Whiteboard }) {
  const { word, tone } = TASK_STATUS[task.status];
  const agent = task.agent ? board.agents[task.agent] : undefined;
  const waitsFor =
    task.status === "waiting" ? task.needs.filter((need) => !/^(completed|dropped)$/.test(board.tasks[need]?.status ?? "")) : [];
  const outcome = task.status === "completed" ? task.result : task.reason;
  return (
    <article
      data-testid={`task-${task.id}`}
      data-status={task.status}
      style={agent ? agentColour(board, agent.id) : undefined}
      className="rounded-lg border bg-card p-3 text-[13px] leading-5"
    >
      <div className="flex items-start gap-2.5">
        <TaskIcon task={task} className="mt-0.5" />
        <h3 dir="auto" className="min-w-0 flex-1 break-words font-medium">
          {task.title}
        </h3>
        <Badge tone={tone}>{word}</Badge>
      </div>
      <div className="mt-1.5 flex flex-col gap-1.5 pl-6.5">
        {(agent || task.attempt > 1 || task.artifacts.length > 0) && (
          <p className="flex flex-wrap items-center gap-x-3 gap-y-1 text-muted-foreground text-xs">
            {agent && (
              <span className="flex items-center gap-1.5">
                <AgentMark name={agent.name} className="size-4.5 rounded text-[10px]" />
                <span className="sr-only">Agent: </span>
                {agent.name}
              </span>
            )}
            {task.attempt > 1 && <span>attempt {task.attempt}</span>}
            {task.artifacts.length > 0 && (
              <span className="flex items-center gap-1">
                <PaperclipIcon className="size-3" aria-hidden="true" />
                {plural(task.artifacts.length, "file")}
              </span>
            )}
          </p>
        )}
        {waitsFor.length > 0 && (
          <p className="break-words text-muted-foreground text-xs">
            Waits for {waitsFor.map((need) => `«${taskTitle(board, need) || need}»`).join(", ")}
          </p>
        )}
        {outcome && (
          <p
            dir="auto"
            className={cn(
              "line-clamp-4 whitespace-pre-wrap break-words text-xs leading-[1.55]",
              /^(completed|dropped)$/.test(task.status) ? "text-foreground/85" : "text-bad",
            )}
          >
            {task.status === "waiting" ? `Last attempt: ${outcome}` : outcome}
          </p>
        )}
        {task.instructions && (
          <details className="group text-xs">
            <summary className="flex w-fit cursor-pointer list-none items-center gap-1 rounded text-muted-foreground hover:text-foreground">
              <ChevronRightIcon className="size-3 transition-transform group-open:rotate-90" aria-hidden="true" />
              Instructions
              <span className="sr-only"> of {task.title}</span>
            </summary>
            <p dir="auto" className="mt-1 whitespace-pre-wrap break-words leading-[1.55]">
              {task.instructions}
            </p>
          </details>
        )}
      </div>
    </article>
  );
}
