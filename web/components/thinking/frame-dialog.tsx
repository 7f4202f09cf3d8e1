"use client";

import { Dialog, DialogContent, DialogTitle } from "@/components/ui/dialog";

/** A step's picture of the screen, as large as it goes. */
export default function FrameDialog({ url, step, onClose }: { url: string; step: number; onClose: () => void }) {
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent className="max-w-6xl p-4" aria-describedby={undefined}>
        <DialogTitle>The screen after step {step}</DialogTitle>
        <img src={url} alt={`The screen after step ${step}`} className="min-h-0 w-full rounded-lg border object-contain" />
      </DialogContent>
    </Dialog>
  );
}
