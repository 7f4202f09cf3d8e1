"use client";

import { ChevronRightIcon, LightbulbIcon, LoaderCircleIcon } from "lucide-react";
import { memo } from "react";
import type { NoteRow as Note, StepRow as Step } from "@/lib/agent-log";
import { callInFull, milliseconds, stepSpending, timeOfDay } from "@/lib/format";
import { cn } from "@/lib/utils";
import type { Whiteboard } from "@/lib/whiteboard";
import { StepDetail } from "./step-detail";
import { noteOf, stepIcon } from "./words";

/** One line of the action log; it opens to the step's raw reasoning, its frame and what exactly was done. */
export const StepRow = memo(function StepRow({
  row,
  session,
  reasoning,
  open,
  live,
  onToggle,
}: {
  row: Step;
  session: string;
  reasoning: string;
  open: boolean;
  /** Nothing came of this step yet and its agent is at work. */
  live: boolean;
  onToggle: (key: number) => void;
}) {
  const { line } = row;
  const cost = stepSpending(row.spent);
  const Icon = line ? stepIcon(line) : live ? LoaderCircleIcon : LightbulbIcon;
  const total = line ? line.timings.think + line.timings.act + line.timings.settle + line.timings.frame : 0;
  return (
    <div data-testid="thinking-row" data-step={row.step} className={cn("rounded-lg", open && "bg-muted/60")}>
      <button
        type="button"
        aria-expanded={open}
        onClick={() => onToggle(row.key)}
        className="group flex w-full items-start gap-2.5 rounded-lg px-2 py-1.5 text-left text-[13px] leading-5 transition-colors hover:bg-accent focus-visible:-outline-offset-2"
      >
        <Icon
          className={cn("mt-0.5 size-4 shrink-0", line?.error ? "text-bad" : "text-muted-foreground", !line && live && "animate-spin")}
          aria-hidden="true"
        />
        <span className="min-w-0 flex-1">
          <span dir="auto" className="block break-words">
            {line ? (
              line.says
            ) : live ? (
              "Thinking…"
            ) : (
              <span className="line-clamp-2 text-muted-foreground">{reasoning.slice(0, 240) || "Thought it over"}</span>
            )}
            {line?.by === "client" && (
              <span className="ml-1.5 rounded bg-muted px-1 text-[11px] text-muted-foreground">by an MCP client</span>
            )}
          </span>
          {line?.error && (
            <span dir="auto" className="block break-words text-bad">
              {line.error}
            </span>
          )}
          {!line && live && reasoning && (
            <span dir="auto" className="mt-0.5 line-clamp-3 block break-words text-muted-foreground text-xs leading-[1.55]">
              {reasoning.slice(-240).trimStart()}
            </span>
          )}
        </span>
        <span className="flex shrink-0 flex-col items-end pt-px text-[11px] text-muted-foreground leading-4.5 tabular-nums">
          <span className="flex items-center gap-1.5">
            {total > 0 && <span className="hidden sm:inline">{milliseconds(total)}</span>}
            <span>
              <span className="sr-only">Step </span>
              {row.step}
            </span>
            <ChevronRightIcon className={cn("size-3.5 transition-transform", open && "rotate-90")} aria-hidden="true" />
          </span>
          {cost && (
            <span data-testid="step-cost" title={row.spent.map(callInFull).join("\n")}>
              {cost.tokens}
              <span className="sr-only"> tokens, price</span>
              <span aria-hidden="true"> · </span>
              {cost.price}
            </span>
          )}
        </span>
      </button>
      {open && <StepDetail session={session} row={row} reasoning={reasoning} />}
    </div>
  );
});

const tones = {
  plain: "text-muted-foreground",
  good: "text-good",
  bad: "text-bad",
  person: "text-link",
  task: "text-foreground",
} as const;

/** What happened around the steps: a task taken up, a file saved, a person stepping in. */
export const NoteRow = memo(function NoteRow({ row, board }: { row: Note; board: Whiteboard }) {
  const { icon: Icon, text, quote, tone } = noteOf(row.event, board);
  return (
    <div
      data-testid="thinking-note"
      className={cn(
        "flex items-start gap-2.5 px-2 py-1.5 text-[13px] leading-5",
        tones[tone],
        tone === "task" && "mt-2 border-t pt-3 font-semibold",
      )}
      title={timeOfDay(row.at)}
    >
      <Icon className="mt-0.5 size-4 shrink-0" aria-hidden="true" />
      <div className="min-w-0 flex-1">
        <p dir="auto" className="break-words">
          {tone === "task" && <span className="sr-only">Task: </span>}
          {text}
        </p>
        {quote && (
          <p dir="auto" className="whitespace-pre-wrap break-words font-normal text-foreground">
            {quote}
          </p>
        )}
      </div>
    </div>
  );
});
