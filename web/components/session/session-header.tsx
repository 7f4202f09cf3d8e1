"use client";

import { lazy, Suspense, useState } from "react";
import { OutcomeBadge } from "@/components/sessions/outcome-badge";
import { Logo } from "@/components/shell/logo";
import { ThemeToggle } from "@/components/shell/theme-toggle";
import { useNow } from "@/hooks/use-now";
import { useSession } from "@/hooks/use-session";
import { clock, spending, spendingInFull } from "@/lib/format";
import { ConnectionState } from "./connection-state";
import { ShortcutsButton } from "./shortcuts-button";
import { StopButton } from "./stop-button";

const PromptDialog = lazy(() => import("./prompt-dialog"));

/** What was asked, how it stands, how long it has taken, and the way to end it. */
export function SessionHeader() {
  const board = useSession((state) => state.board);
  const [reading, setReading] = useState(false);
  const complete = board.status === "complete";
  const cost = spending(board.spent);
  const completed = Object.values(board.tasks).filter(({ status }) => status === "completed").length;
  return (
    <header className="flex h-14 shrink-0 items-center gap-2.5 border-b bg-card px-3 sm:gap-3 sm:px-5">
      <a href="/" aria-label="Hotdesk, to the start page" className="shrink-0 rounded-md">
        <Logo className="size-6.5" />
      </a>
      <span aria-hidden="true" className="hidden h-5 w-px bg-border sm:block" />
      <h1 className="min-w-0 flex-1">
        <button
          type="button"
          aria-haspopup="dialog"
          onClick={() => setReading(true)}
          dir="auto"
          title="Show the whole prompt"
          className="block max-w-full truncate rounded-md px-1.5 py-1 text-left font-medium text-sm hover:bg-accent"
        >
          {board.prompt}
        </button>
        {reading && (
          <Suspense fallback={null}>
            <PromptDialog prompt={board.prompt} onClose={() => setReading(false)} />
          </Suspense>
        )}
      </h1>
      <span className="hidden sm:flex">
        <OutcomeBadge status={board.status} outcome={board.outcome ?? null} completed={completed} />
      </span>
      {cost && (
        <span title={spendingInFull(board.spent)} className="shrink-0 text-muted-foreground text-xs tabular-nums max-sm:hidden">
          <span className="sr-only">Spent: </span>
          {cost}
        </span>
      )}
      <Elapsed from={board.created_at} to={board.ended_at ?? null} />
      <ConnectionState />
      {!complete && <StopButton />}
      <span className="flex shrink-0 items-center">
        <ShortcutsButton />
        <ThemeToggle />
      </span>
    </header>
  );
}

function Elapsed({ from, to }: { from: number; to: number | null }) {
  const now = useNow(to === null);
  return (
    <span role="timer" aria-label="Elapsed" aria-live="off" className="shrink-0 text-muted-foreground text-xs tabular-nums">
      {clock((to ?? now) - from)}
    </span>
  );
}
