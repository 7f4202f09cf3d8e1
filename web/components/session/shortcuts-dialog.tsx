"use client";

import { CircleHelpIcon } from "lucide-react";
import { useEffect, useState } from "react";
import { Button } from "@/components/ui/button";
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

/** Is the person typing somewhere, or is a dialog open? Then single keys are not ours. */
export function keysAreTaken(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement;
  return (
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    target instanceof HTMLCanvasElement ||
    /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) ||
    target.isContentEditable ||
    document.querySelector("[role=dialog],[role=alertdialog]") !== null
  );
}

export function ShortcutsDialog() {
  const [open, setOpen] = useState(false);

  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.key !== "?" || keysAreTaken(event)) return;
      event.preventDefault();
      setOpen(true);
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, []);

  return (
    <>
      <Button
        variant="ghost"
        size="iconSm"
        className="max-sm:hidden"
        aria-label="Keyboard shortcuts"
        title="Keyboard shortcuts (?)"
        onClick={() => setOpen(true)}
      >
        <CircleHelpIcon className="text-muted-foreground" aria-hidden="true" />
      </Button>
      <Dialog open={open} onOpenChange={setOpen}>
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
    </>
  );
}
