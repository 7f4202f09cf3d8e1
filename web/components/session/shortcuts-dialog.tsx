"use client";

import { Dialog, DialogContent, DialogTitle } from "@/components/ui/dialog";
import { Kbd } from "@/components/ui/kbd";

const shortcuts: [keys: string[], what: string][] = [
  [["1", "–", "9"], "Open an agent"],
  [["0"], "Open the overview"],
  [["w"], "Open the whiteboard"],
  [["s"], "Open the summary, once there is one"],
  [["←", "→"], "From tab to tab, when a tab has the focus"],
  [["Ctrl", "Alt", "Shift"], "Release the keyboard from a desk you have taken over"],
  [["?"], "Show this"],
];

export default function ShortcutsDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent aria-describedby={undefined}>
        <DialogTitle>Keyboard</DialogTitle>
        <dl className="flex flex-col gap-2.5 text-sm">
          {shortcuts.map(([keys, what]) => (
            <div key={what} className="flex items-center justify-between gap-4">
              <dt>{what}</dt>
              <dd className="flex shrink-0 gap-1">
                {keys.map((key) => (
                  <Kbd key={key}>{key}</Kbd>
                ))}
              </dd>
            </div>
          ))}
        </dl>
      </DialogContent>
    </Dialog>
  );
}
