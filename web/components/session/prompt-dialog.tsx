"use client";

import { Dialog, DialogContent, DialogTitle } from "@/components/ui/dialog";

/** The whole prompt, as it was typed. */
export default function PromptDialog({ prompt, onClose }: { prompt: string; onClose: () => void }) {
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent className="max-w-2xl" aria-describedby={undefined}>
        <DialogTitle>The prompt</DialogTitle>
        <p dir="auto" className="thin-scroll overflow-y-auto whitespace-pre-wrap break-words text-sm leading-relaxed">
          {prompt}
        </p>
      </DialogContent>
    </Dialog>
  );
}
