import { FileIcon, UsersIcon } from "lucide-react";
import { type SessionCard as Card, urls } from "@/lib/api";
import { ago, duration, plural } from "@/lib/format";
import { OutcomeBadge } from "./outcome-badge";

/** An earlier session: its prompt, its state, what came of it. */
export function SessionCard({ card, now }: { card: Card; now: number }) {
  const { tasks } = card;
  return (
    <a
      href={urls.session(card.id)}
      data-testid="session-card"
      className="group flex h-full flex-col gap-3 rounded-xl border bg-card p-4 transition-[border-color,box-shadow] hover:border-input hover:shadow-lift"
    >
      <div className="flex items-center justify-between gap-2">
        <OutcomeBadge status={card.status} outcome={card.outcome} completed={tasks.completed} />
        <time dateTime={new Date(card.created_at * 1000).toISOString()} className="text-muted-foreground text-xs">
          {ago(card.created_at, now)}
        </time>
      </div>
      <p dir="auto" className="line-clamp-2 min-h-10 break-words text-sm leading-5">
        {card.prompt}
      </p>
      <p className="mt-auto flex flex-wrap items-center gap-x-3.5 gap-y-1 text-muted-foreground text-xs">
        <span>
          {tasks.total === 0
            ? card.status === "complete"
              ? "no tasks"
              : "no tasks yet"
            : `${tasks.completed} of ${plural(tasks.total, "task")}`}
          {tasks.failed > 0 && <span className="text-bad">, {tasks.failed} failed</span>}
        </span>
        <span className="flex items-center gap-1">
          <UsersIcon className="size-3.5" aria-hidden="true" />
          {plural(card.agents, "agent")}
        </span>
        {card.artifacts > 0 && (
          <span className="flex items-center gap-1">
            <FileIcon className="size-3.5" aria-hidden="true" />
            {plural(card.artifacts, "file")}
          </span>
        )}
        {card.ended_at != null && <span>{duration(card.ended_at - card.created_at)}</span>}
      </p>
    </a>
  );
}
