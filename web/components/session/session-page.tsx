"use client";

import { useSessionId } from "@/hooks/use-session-id";
import { Failed, Loading, SessionScreen } from "./session-screen";

/** The one static page behind every session's address. */
export function SessionPage() {
  const session = useSessionId();
  if (session === null) return <Loading />;
  if (session === "") return <Failed missing problem="The address names no session. Start from the list of sessions." />;
  return <SessionScreen key={session} session={session} />;
}
