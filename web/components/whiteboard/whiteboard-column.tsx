"use client";

import { useSession } from "@/hooks/use-session";
import { NoTasks } from "./no-tasks";
import { TaskCard } from "./task-card";

/** The whiteboard beside the desks: tasks in the order of the plan. */
export function WhiteboardColumn() {
  const board = useSession((state) => state.board);
  const tasks = Object.values(board.tasks);
  if (tasks.length === 0) return <NoTasks complete={board.status === "complete"} />;
  return (
    <ul className="flex flex-col gap-2.5">
      {tasks.map((task) => (
        <li key={task.id}>
          <TaskCard task={task} board={board} />
        </li>
      ))}
    </ul>
  );
}
