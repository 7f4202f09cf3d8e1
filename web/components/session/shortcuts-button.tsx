"use client";

import { CircleHelpIcon } from "lucide-react";
import { lazy, Suspense, useEffect, useState } from "react";
import { Button } from "@/components/ui/button";
import { keysAreTaken } from "@/lib/keys";

const ShortcutsDialog = lazy(() => import("./shortcuts-dialog"));

/** Shows the keyboard's shortcuts, on a click or on `?`. */
export function ShortcutsButton() {
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
      {open && (
        <Suspense fallback={null}>
          <ShortcutsDialog onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  );
}
