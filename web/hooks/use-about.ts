"use client";

import { useEffect, useState } from "react";
import { type About, api, messageOf } from "@/lib/api";

/** What is in use (brain, desks, limits), asked once a page; asked again on `retry`. */
export function useAbout(): { about: About | null; error: string | null; retry: () => void } {
  const [about, setAbout] = useState<About | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [attempt, setAttempt] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `attempt` is what asks again
  useEffect(() => {
    const leaving = new AbortController();
    api.about(leaving.signal).then(
      (answer) => {
        setAbout(answer);
        setError(null);
      },
      (failure) => {
        if (!leaving.signal.aborted) setError(messageOf(failure));
      },
    );
    return () => leaving.abort();
  }, [attempt]);

  return { about, error, retry: () => setAttempt((count) => count + 1) };
}
