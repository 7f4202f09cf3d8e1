"use client";

import { defaultRangeExtractor, useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDownIcon, ListTreeIcon } from "lucide-react";
import { useCallback, useLayoutEffect, useRef, useState } from "react";
import { Message } from "@/components/shell/message";
import { Button } from "@/components/ui/button";
import { useSession } from "@/hooks/use-session";
import { EMPTY_LOG } from "@/lib/agent-log";
import { isOver } from "@/lib/agents";
import { cn } from "@/lib/utils";
import type { AgentState } from "@/lib/whiteboard";
import { NoteRow, StepRow } from "./thinking-row";

/** Nearer than this to the end counts as being there. */
const NEAR_PX = 48;

/** The agent's structured log. It stays at its end until the person scrolls up, and draws only the rows on screen, however many there are. */
export function ThinkingPanel({ agent, className }: { agent: AgentState; className?: string }) {
  const session = useSession((state) => state.session);
  const board = useSession((state) => state.board);
  const log = useSession((state) => state.logs[agent.id]) ?? EMPTY_LOG;
  const whole = useSession((state) => state.earlier === 0);
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const [following, setFollowing] = useState(true);
  /** The key of the row that has the focus: it stays drawn wherever the list is scrolled to, or the keyboard would be lost. */
  const [focused, setFocused] = useState<number | null>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const { rows, reasoning } = log;
  const working = !isOver(agent) && agent.status === "working";

  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => (rows[index]?.kind === "note" ? 40 : 32),
    getItemKey: (index) => rows[index]?.key ?? index,
    overscan: 16,
    rangeExtractor: (range) => {
      const shown = defaultRangeExtractor(range);
      const kept = focused === null ? -1 : rows.findIndex(({ key }) => key === focused);
      return kept < 0 || shown.includes(kept) ? shown : [...shown, kept].sort((a, b) => a - b);
    },
  });
  const height = virtual.getTotalSize();

  // biome-ignore lint/correctness/useExhaustiveDependencies: every growth moves the end
  useLayoutEffect(() => {
    if (following && scroller.current) scroller.current.scrollTop = scroller.current.scrollHeight;
  }, [following, log, height]);

  // What was earlier has come: who reads stays where they were.
  const before = useRef({ whole, height });
  useLayoutEffect(() => {
    const { whole: was, height: then } = before.current;
    if (whole && !was && !following && scroller.current) scroller.current.scrollTop += height - then;
    before.current = { whole, height };
  }, [whole, height, following]);

  const toggle = useCallback((key: number) => {
    setFollowing(false);
    setOpen((keys) => {
      const next = new Set(keys);
      if (!next.delete(key)) next.add(key);
      return next;
    });
  }, []);

  const lastScroll = useRef(0);
  function scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = scroller.current as HTMLDivElement;
    const atEnd = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    if (atEnd && scrollTop >= lastScroll.current) setFollowing(true);
    else if (scrollTop < lastScroll.current - 2 && !atEnd) setFollowing(false);
    lastScroll.current = scrollTop;
  }

  return (
    <section aria-labelledby={`thinking-${agent.id}`} className={cn("relative flex min-h-0 flex-col", className)}>
      <h2 id={`thinking-${agent.id}`} className="sr-only">
        Thinking
      </h2>
      {rows.length === 0 ? (
        <div className="grid min-h-0 flex-1 place-items-center">
          {whole ? (
            <Message icon={ListTreeIcon} title="Nothing yet" className="py-8">
              Every step {agent.name} takes appears here, with its reasoning and a picture of the screen.
            </Message>
          ) : (
            <p role="status" className="text-muted-foreground text-sm">
              Loading the log…
            </p>
          )}
        </div>
      ) : (
        <div
          ref={scroller}
          tabIndex={0}
          role="region"
          aria-label={`${agent.name}'s log`}
          onScroll={scrolled}
          className="thin-scroll min-h-0 flex-1 overflow-y-auto overscroll-contain px-2 py-2 focus-visible:-outline-offset-2 [overflow-anchor:none]"
        >
          <ol className="relative w-full" style={{ height }}>
            {virtual.getVirtualItems().map((item) => {
              const row = rows[item.index];
              if (!row) return null;
              return (
                <li
                  key={item.key}
                  ref={virtual.measureElement}
                  data-index={item.index}
                  aria-setsize={whole ? rows.length : -1}
                  aria-posinset={whole ? item.index + 1 : undefined}
                  onFocus={() => setFocused(row.key)}
                  onBlur={() => setFocused(null)}
                  className="absolute top-0 left-0 w-full"
                  style={{ transform: `translateY(${item.start}px)` }}
                >
                  {row.kind === "step" ? (
                    <StepRow
                      row={row}
                      session={session}
                      reasoning={reasoning.get(row.step) ?? ""}
                      open={open.has(row.key)}
                      live={working && row.line === null && item.index === rows.length - 1}
                      onToggle={toggle}
                    />
                  ) : (
                    <NoteRow row={row} board={board} />
                  )}
                </li>
              );
            })}
          </ol>
        </div>
      )}
      {!following && rows.length > 0 && (
        <div className="pointer-events-none absolute inset-x-0 bottom-3 flex justify-center">
          <Button variant="outline" size="xs" className="pointer-events-auto rounded-full shadow-lift" onClick={() => setFollowing(true)}>
            <ArrowDownIcon aria-hidden="true" />
            Latest
          </Button>
        </div>
      )}
    </section>
  );
}
