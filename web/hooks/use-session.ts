"use client";

import { createContext, useContext, useLayoutEffect, useState } from "react";
import { useStore } from "zustand";
import { openingOf } from "@/lib/opening";
import { follow, openWire } from "@/lib/session-link";
import { createSessionStore, type SessionState, type SessionStore } from "@/lib/session-store";

export const SessionContext = createContext<SessionStore | null>(null);

/** What `selector` picks from the session this page shows. */
export function useSession<T>(selector: (state: SessionState) => T): T {
  const store = useContext(SessionContext);
  if (!store) throw new Error("useSession is for what lives inside a SessionContext");
  return useStore(store, selector);
}

/** Follows a session for as long as the component is there. Null until it has begun. */
export function useFollowedSession(session: string): SessionStore | null {
  const [store, setStore] = useState<SessionStore | null>(null);
  useLayoutEffect(() => {
    const next = createSessionStore(session);
    setStore(next);
    return follow(session, next, openWire(), openingOf(session));
  }, [session]);
  return store;
}
