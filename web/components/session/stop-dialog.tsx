"use client";

import { LoaderCircleIcon } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Dialog, DialogClose, DialogContent, DialogDescription, DialogTitle } from "@/components/ui/dialog";
import { ApiError, api, messageOf } from "@/lib/api";

/** Asks before the session is ended, and ends it. */
export default function StopDialog({ session, onClose }: { session: string; onClose: () => void }) {
  const [pending, setPending] = useState(false);
  const [error, setError] = useState<string | null>(null);

  async function stop(): Promise<void> {
    setPending(true);
    setError(null);
    try {
      await api.stop(session);
      onClose();
    } catch (failure) {
      if (failure instanceof ApiError && failure.status === 409) onClose();
      else setError(messageOf(failure));
    } finally {
      setPending(false);
    }
  }

  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
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
