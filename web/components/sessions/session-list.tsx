"use client";

import { CircleAlertIcon, LayoutGridIcon } from "lucide-react";
import { useEffect, useState } from "react";
import { Message } from "@/components/shell/message";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { useNow } from "@/hooks/use-now";
import { usePageShown } from "@/hooks/use-seen";
import { api, type SessionCard as Card, messageOf } from "@/lib/api";
import { SessionCard } from "./session-card";

/** How often the list is asked for while a session in it is under way; otherwise it is asked for when the tab comes to the front. */
const REFRESH_MS = 4000;
const FIRST = 12;

export function SessionList() {
  const [cards, setCards] = useState<Card[] | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [attempt, setAttempt] = useState(0);
  const [all, setAll] = useState(false);
  const shown = usePageShown();
  const now = useNow(shown, 20_000);
  const busy = cards?.some(({ status }) => status !== "complete") ?? false;

  // biome-ignore lint/correctness/useExhaustiveDependencies: `attempt` is what asks again
  useEffect(() => {
    if (!shown) return;
    const leaving = new AbortController();
    const ask = () =>
      api.sessions(leaving.signal).then(
        (answer) => {
          setCards(answer);
          setError(null);
        },
        (failure) => {
          if (!leaving.signal.aborted) setError(messageOf(failure));
        },
      );
    void ask();
    const timer = busy ? setInterval(ask, REFRESH_MS) : undefined;
    return () => {
      leaving.abort();
      clearInterval(timer);
    };
  }, [attempt, shown, busy]);

  const visible = all ? cards : cards?.slice(0, FIRST);
  return (
    <section aria-labelledby="sessions" className="mx-auto w-full max-w-5xl px-4 pb-16 sm:px-6">
      <h2 id="sessions" className="mb-3 font-medium text-muted-foreground text-sm">
        Sessions
      </h2>
      {error && cards === null ? (
        <Message
          icon={CircleAlertIcon}
          title="The sessions cannot be shown"
          action={
            <Button variant="outline" size="sm" onClick={() => setAttempt((count) => count + 1)}>
              Try again
            </Button>
          }
        >
          {error}
        </Message>
      ) : !visible ? (
        <div className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
          <span className="sr-only" role="status">
            Loading sessions
          </span>
          {["a", "b", "c"].map((key) => (
            <Skeleton key={key} className="h-[138px] rounded-xl" />
          ))}
        </div>
      ) : visible.length === 0 ? (
        <div className="rounded-xl border border-dashed">
          <Message icon={LayoutGridIcon} title="No sessions yet" className="py-10">
            Everything you start is kept here, with its desks, its log and its files.
          </Message>
        </div>
      ) : (
        <>
          <ul className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
            {visible.map((card) => (
              <li key={card.id} className="min-w-0">
                <SessionCard card={card} now={now} />
              </li>
            ))}
          </ul>
          {cards && cards.length > FIRST && !all && (
            <div className="mt-5 flex justify-center">
              <Button variant="outline" size="sm" onClick={() => setAll(true)}>
                Show all {cards.length}
              </Button>
            </div>
          )}
        </>
      )}
    </section>
  );
}
