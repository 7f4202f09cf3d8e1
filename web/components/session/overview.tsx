"use client";

import { FlaskConicalIcon, LoaderCircleIcon, MonitorOffIcon, PanelRightCloseIcon, PanelRightOpenIcon } from "lucide-react";
import { type CSSProperties, useState } from "react";
import { AgentTile } from "@/components/agents/agent-tile";
import { Message } from "@/components/shell/message";
import { Button } from "@/components/ui/button";
import { WhiteboardColumn } from "@/components/whiteboard/whiteboard-column";
import { useAbout } from "@/hooks/use-about";
import { useSession } from "@/hooks/use-session";
import { cn } from "@/lib/utils";

const FOLDED = "hotdesk.whiteboard-folded";

/** All desks side by side, live, with the whiteboard beside them. */
export function Overview({ onOpenAgent }: { onOpenAgent: (agent: string) => void }) {
  const board = useSession((state) => state.board);
  const agents = Object.values(board.agents);
  const [folded, setFolded] = useState(() => localStorage.getItem(FOLDED) === "yes");

  function fold(): void {
    setFolded(!folded);
    localStorage.setItem(FOLDED, folded ? "no" : "yes");
  }

  return (
    <div className="mx-auto flex w-full max-w-[120rem] flex-col gap-5 p-4 sm:px-6 xl:flex-row">
      <div
        style={roomFor(agents.length || board.agents_wanted)}
        className={cn("flex min-w-0 flex-col gap-4", folded ? "xl:flex-1" : "xl:w-[max(36rem,min(100%-24rem,var(--fit)))] xl:shrink-0")}
      >
        {board.rehearsal && <SessionNotice />}
        {agents.length === 0 ? (
          board.status === "complete" ? (
            <Message icon={MonitorOffIcon} title="No desk was opened">
              The session ended before an agent was needed.
            </Message>
          ) : (
            <div className="flex flex-col gap-4">
              <p role="status" className="flex items-center gap-2 text-muted-foreground text-sm">
                <LoaderCircleIcon className="size-4 animate-spin" aria-hidden="true" />
                {board.status === "planning" ? "The plan is being made; desks open when there are tasks." : "The desks are being opened."}
              </p>
              <div className={grid(board.agents_wanted)}>
                {Array.from({ length: Math.min(board.agents_wanted, 4) }, (_, index) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: places without anybody
                  <div key={index} className="aspect-[16/11.6] animate-pulse rounded-xl border bg-muted/60" aria-hidden="true" />
                ))}
              </div>
            </div>
          )
        ) : (
          <ul className={grid(agents.length)}>
            {agents.map((agent) => (
              <li key={agent.id} className="min-w-0">
                <AgentTile session={board.session} agent={agent} onOpen={() => onOpenAgent(agent.id)} />
              </li>
            ))}
          </ul>
        )}
      </div>
      <aside aria-label="Whiteboard" className={cn("min-w-0", folded ? "xl:shrink-0" : "xl:flex-1")}>
        <div className="mb-3 flex h-7 items-center justify-between gap-2">
          <h2 className={cn("font-semibold text-[13px] tracking-tight", folded && "xl:sr-only")}>Whiteboard</h2>
          <Button
            variant="ghost"
            size="iconSm"
            className="hidden xl:inline-flex"
            aria-expanded={!folded}
            aria-label={folded ? "Unfold the whiteboard" : "Fold the whiteboard"}
            title={folded ? "Unfold the whiteboard" : "Fold the whiteboard"}
            onClick={fold}
          >
            {folded ? (
              <PanelRightOpenIcon className="text-muted-foreground" aria-hidden="true" />
            ) : (
              <PanelRightCloseIcon className="text-muted-foreground" aria-hidden="true" />
            )}
          </Button>
        </div>
        <div className={cn(folded && "xl:hidden")}>
          <WhiteboardColumn />
        </div>
      </aside>
    </div>
  );
}

function grid(count: number): string {
  return cn("grid gap-4", count > 1 && "md:grid-cols-2", count > 4 && "2xl:grid-cols-3");
}

/**
 * On a wide screen the desks are no wider than lets all of them (up to four, in two rows) be seen without scrolling; what is over goes
 * to the whiteboard. 14rem is what stands above and around them, 5rem is a tile's foot.
 */
function roomFor(count: number): CSSProperties {
  const columns = count === 1 ? 1 : 2;
  const rows = count > 2 ? 2 : 1;
  const width = `calc((100dvh - 14rem - ${rows * 5}rem) * ${(1.6 * columns) / rows} + ${columns - 1}rem)`;
  return { "--fit": count > 4 ? "100%" : width } as CSSProperties;
}

/** The session itself says that no model is at work; the server knows how to change that. */
function SessionNotice() {
  const { about } = useAbout();
  return (
    <details data-testid="rehearsal-notice" className="group rounded-lg border border-warn/30 bg-warn/6 text-[13px]">
      <summary className="flex cursor-pointer list-none items-start gap-2.5 rounded-lg px-3.5 py-2 leading-5">
        <FlaskConicalIcon className="mt-0.5 size-4 shrink-0 text-warn" aria-hidden="true" />
        <span className="min-w-0">
          Rehearsal: the agents work by a script, without a model.{" "}
          <span className="whitespace-nowrap font-medium text-link group-open:hidden">How to give a key</span>
        </span>
      </summary>
      <p className="break-words px-3.5 pb-2.5 pl-10 leading-relaxed">
        {about?.notice ?? "This session was run without a model. The start page says which brain is in use now, and how to give a key."}
      </p>
    </details>
  );
}
