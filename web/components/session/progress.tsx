"use client";

import { useSession } from "@/hooks/use-session";
import { progressOf } from "@/lib/agents";
import { cn } from "@/lib/utils";

const colours = { completed: "bg-good", failed: "bg-bad", running: "bg-primary", waiting: "bg-border", dropped: "bg-border" } as const;

/** How many of the tasks are done: in words, and as a bar with a piece for every task. */
export function Progress({ className }: { className?: string }) {
  const board = useSession((state) => state.board);
  const { tasks, done, failed } = progressOf(board);
  const words =
    tasks.length === 0
      ? board.status === "planning"
        ? "Planning…"
        : "No tasks"
      : `${done} of ${tasks.length} done${failed ? `, ${failed} not` : ""}`;
  return (
    <div className={cn("flex items-center gap-3", className)}>
      <div
        role="progressbar"
        aria-label="Tasks ended"
        aria-valuemin={0}
        aria-valuemax={Math.max(1, tasks.length)}
        aria-valuenow={done + failed}
        aria-valuetext={words}
        className="flex h-1.5 min-w-0 flex-1 gap-0.5 overflow-hidden rounded-full"
      >
        {tasks.length === 0 ? (
          <span className="relative h-full flex-1 overflow-hidden bg-border">
            {board.status !== "complete" && <span className="absolute inset-y-0 left-0 w-1/3 animate-sweep bg-primary" />}
          </span>
        ) : (
          tasks.map(({ id, status }) => (
            <span key={id} className={cn("h-full flex-1 transition-colors", colours[status], status === "running" && "animate-breathe")} />
          ))
        )}
      </div>
      <span className="shrink-0 text-muted-foreground text-xs tabular-nums">{words}</span>
    </div>
  );
}
