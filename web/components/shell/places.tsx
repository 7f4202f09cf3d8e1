"use client";

import { lazy, Suspense, useEffect } from "react";
import { Home } from "@/components/prompt/home";
import { usePlace } from "@/hooks/use-place";

const session = () => import("@/components/session/session-page").then(({ SessionPage }) => ({ default: SessionPage }));
const SessionPage = lazy(session);

/** How long the home page is left in peace before what comes after it is fetched. */
const QUIET_MS = 300;

/**
 * The home page, and the session that is begun on it, in one document: to load another would cost more than everything that happens between
 * submitting a prompt and seeing the first desktop.
 */
export function Places() {
  const place = usePlace();
  const home = place === "/";
  useEffect(() => {
    if (!home) return;
    document.title = "Hotdesk";
    const timer = setTimeout(() => {
      session().catch(() => {});
      import("@novnc/novnc").catch(() => {});
    }, QUIET_MS);
    return () => clearTimeout(timer);
  }, [home]);
  if (home) return <Home />;
  return (
    <Suspense>
      <SessionPage />
    </Suspense>
  );
}
