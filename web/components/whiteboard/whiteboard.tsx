"use client";

import { ArtifactGallery } from "@/components/summary/artifact-gallery";
import { useSession } from "@/hooks/use-session";
import { cn } from "@/lib/utils";
import type { TaskState } from "@/lib/whiteboard";
import { NoTasks } from "./no-tasks";
import { TaskCard } from "./task-card";

const columns: { title: string; holds: (task: TaskState) => boolean; empty: string }[] = [
  { title: "Waiting", holds: ({ status }) => status === "waiting", empty: "Nothing waits." },
  { title: "Running", holds: ({ status }) => status === "running", empty: "Nothing runs." },
  { title: "Ended", holds: ({ status }) => status !== "waiting" && status !== "running", empty: "Nothing has ended yet." },
];

/** The whole whiteboard: every task in the column of its state, and the files so far. */
export function Whiteboard() {
  const board = useSession((state) => state.board);
  const tasks = Object.values(board.tasks);
  const files = Object.values(board.artifacts);
  if (tasks.length === 0) return <NoTasks complete={board.status === "complete"} />;
  const shown = board.status === "complete" ? columns.filter(({ holds }) => tasks.some(holds)) : columns;
  return (
    <div className="mx-auto flex w-full max-w-6xl flex-col gap-6 px-4 py-5 sm:px-6">
      {board.plan && (
        <p dir="auto" className="max-w-3xl break-words text-muted-foreground text-sm leading-relaxed">
          {board.plan}
        </p>
      )}
      <div className={cn("grid items-start gap-5", shown.length > 1 && "md:grid-cols-3")}>
        {shown.map(({ title, holds, empty }) => {
          const held = tasks.filter(holds);
          return (
            <section key={title} aria-label={`${title}: ${held.length}`} className="min-w-0">
              <h2 className="mb-2.5 flex items-center gap-2 font-medium text-[13px]">
                {title}
                <span className="text-muted-foreground tabular-nums">{held.length}</span>
              </h2>
              {held.length === 0 ? (
                <p className="rounded-lg border border-dashed px-3 py-4 text-center text-muted-foreground text-xs">{empty}</p>
              ) : (
                <ul className={shown.length > 1 ? "flex flex-col gap-2.5" : "grid items-start gap-3 sm:grid-cols-2 lg:grid-cols-3"}>
                  {held.map((task) => (
                    <li key={task.id}>
                      <TaskCard task={task} board={board} />
                    </li>
                  ))}
                </ul>
              )}
            </section>
          );
        })}
      </div>
      {files.length > 0 && (
        <section aria-label="Files so far">
          <h2 className="mb-2.5 font-medium text-[13px]">Files so far</h2>
          <ArtifactGallery session={board.session} artifacts={files} board={board} />
        </section>
      )}
    </div>
  );
}
