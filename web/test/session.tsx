import { render } from "@testing-library/react";
import type { ReactElement } from "react";
import { SessionContext } from "@/hooks/use-session";
import type { AnyEvent } from "@/lib/events";
import sessions from "@/lib/fixtures/sessions.json";
import { createSessionStore, type SessionStore } from "@/lib/session-store";

/** The events of a fixture by the beginning of its name. */
export function eventsOf(name: string): AnyEvent[] {
  const found = (sessions as unknown as { name: string; events: AnyEvent[] }[]).find((one) => one.name.startsWith(name));
  if (!found) throw new Error(`no fixture ${name}`);
  return found.events;
}

/** Renders inside a session that has had these events. */
export function renderSession(events: AnyEvent[], element: (store: SessionStore) => ReactElement) {
  const store = createSessionStore(events[0]?.session ?? "s");
  store.receive(events);
  store.caughtUp();
  return { store, ...render(<SessionContext value={store}>{element(store)}</SessionContext>) };
}
