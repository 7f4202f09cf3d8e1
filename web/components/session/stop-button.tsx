"use client";

import { LoaderCircleIcon, SquareIcon } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Dialog, DialogClose, DialogContent, DialogDescription, DialogTitle, DialogTrigger } from "@/components/ui/dialog";
import { useSession } from "@/hooks/use-session";
import { ApiError, api, messageOf } from "@/lib/api";

/** Ends the session, after asking. */
export function StopButton() {
  const session = useSession((state) => state.session);
  const stopping = useSession((state) => state.board.status === "stopping");
  const [open, setOpen] = useState(false);
  const [pending, setPending] = useState(false);
  const [error, setError] = useState<string | null>(null);

  async function stop(): Promise<void> {
    setPending(true);
    setError(null);
    try {
      await api.stop(session);
      setOpen(false);
    } catch (failure) {
      if (failure instanceof ApiError && failure.status === 409) setOpen(false);
      else setError(messageOf(failure));
    } finally {
      setPending(false);
    }
  }

  return (
    <Dialog open={open} onOpenChange={setOpen}>
      <DialogTrigger asChild>
        <Button variant="danger" size="sm" data-testid="stop" disabled={stopping} aria-label={stopping ? "Stopping" : "Stop the session"}>
          {stopping ? (
            <LoaderCircleIcon className="animate-spin" aria-hidden="true" />
          ) : (
            <SquareIcon className="size-3 fill-current" aria-hidden="true" />
          )}
          <span className="max-sm:sr-only">{stopping ? "Stopping…" : "Stop"}</span>
        </Button>
      </DialogTrigger>
      <DialogContent role="alertdialog" className="max-w-md">
        <DialogTitle>Stop this session?</DialogTitle>
        <DialogDescription>
          The agents put down what they hold and their desks are closed. Finished tasks and saved files stay, and a summary says how far it
          came. It cannot be continued.
        </DialogDescription>
        {error && (
          <p role="alert" className="text-bad text-sm">
            {error}
          </p>
        )}
        <div className="mt-1 flex flex-wrap justify-end gap-2">
          <DialogClose asChild>
            <Button variant="outline" size="sm">
              Keep going
            </Button>
          </DialogClose>
          <Button variant="dangerSolid" size="sm" data-testid="stop-confirm" disabled={pending} onClick={() => void stop()}>
            {pending && <LoaderCircleIcon className="animate-spin" aria-hidden="true" />}
            Stop the session
          </Button>
        </div>
      </DialogContent>
    </Dialog>
  );
}
