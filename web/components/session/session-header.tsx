"use client";

import { OutcomeBadge } from "@/components/sessions/outcome-badge";
import { Logo } from "@/components/shell/logo";
import { ThemeToggle } from "@/components/shell/theme-toggle";
import { Dialog, DialogContent, DialogTitle, DialogTrigger } from "@/components/ui/dialog";
import { useNow } from "@/hooks/use-now";
import { useSession } from "@/hooks/use-session";
import { clock } from "@/lib/format";
import { ConnectionState } from "./connection-state";
import { ShortcutsDialog } from "./shortcuts-dialog";
import { StopButton } from "./stop-button";

/** What was asked, how it stands, how long it has taken, and the way to end it. */
export function SessionHeader() {
  const board = useSession((state) => state.board);
  const complete = board.status === "complete";
  const completed = Object.values(board.tasks).filter(({ status }) => status === "completed").length;
  return (
    <header className="flex h-14 shrink-0 items-center gap-2.5 border-b bg-card px-3 sm:gap-3 sm:px-5">
      <a href="/" aria-label="Hotdesk, to the start page" className="shrink-0 rounded-md">
        <Logo className="size-6.5" />
      </a>
      <span aria-hidden="true" className="hidden h-5 w-px bg-border sm:block" />
      <h1 className="min-w-0 flex-1">
        <Dialog>
          <DialogTrigger
            dir="auto"
            title="Show the whole prompt"
            className="block max-w-full truncate rounded-md px-1.5 py-1 text-left font-medium text-sm hover:bg-accent"
          >
            {board.prompt}
          </DialogTrigger>
          <DialogContent className="max-w-2xl" aria-describedby={undefined}>
            <DialogTitle>The prompt</DialogTitle>
            <p dir="auto" className="thin-scroll overflow-y-auto whitespace-pre-wrap break-words text-sm leading-relaxed">
              {board.prompt}
            </p>
          </DialogContent>
        </Dialog>
      </h1>
      <span className="hidden sm:flex">
        <OutcomeBadge status={board.status} outcome={board.outcome ?? null} completed={completed} />
      </span>
      <Elapsed from={board.created_at} to={board.ended_at ?? null} />
      <ConnectionState />
      {!complete && <StopButton />}
      <span className="flex shrink-0 items-center">
        <ShortcutsDialog />
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
