"use client";

import { LoaderCircleIcon, SquareIcon } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { Button } from "@/components/ui/button";
import { useSession } from "@/hooks/use-session";

const StopDialog = lazy(() => import("./stop-dialog"));

/** Ends the session, after asking. */
export function StopButton() {
  const session = useSession((state) => state.session);
  const stopping = useSession((state) => state.board.status === "stopping");
  const [asking, setAsking] = useState(false);
  return (
    <>
      <Button
        variant="danger"
        size="sm"
        data-testid="stop"
        disabled={stopping}
        aria-label={stopping ? "Stopping" : "Stop the session"}
        onClick={() => setAsking(true)}
      >
        {stopping ? (
          <LoaderCircleIcon className="animate-spin" aria-hidden="true" />
        ) : (
          <SquareIcon className="size-3 fill-current" aria-hidden="true" />
        )}
        <span className="max-sm:sr-only">{stopping ? "Stopping…" : "Stop"}</span>
      </Button>
      {asking && !stopping && (
        <Suspense fallback={null}>
          <StopDialog session={session} onClose={() => setAsking(false)} />
        </Suspense>
      )}
    </>
  );
}
