"use client";

import { CircleAlertIcon, XIcon } from "lucide-react";
import { useStore } from "zustand";
import { dismiss, notices } from "@/lib/notify";
import { cn } from "@/lib/utils";

/** Toasts, and the polite live region for what is only to be heard. */
export function Notices() {
  const { toasts, heard } = useStore(notices);
  return (
    <>
      <p className="sr-only" aria-live="polite">
        {heard}
      </p>
      <section aria-label="Messages" className="pointer-events-none fixed inset-x-0 bottom-0 z-50 flex flex-col items-center gap-2 p-4">
        <div role="status" className="flex w-full max-w-md flex-col gap-2">
          {toasts.map(({ id, text, tone, action }) => (
            <div
              key={id}
              className="fade-in slide-in-from-bottom-2 pointer-events-auto flex animate-in items-start gap-3 rounded-xl border bg-popover p-3 pl-4 text-sm shadow-lift duration-200"
            >
              {tone === "bad" && <CircleAlertIcon className="mt-0.5 size-4 shrink-0 text-bad" aria-hidden="true" />}
              <p className={cn("min-w-0 flex-1 break-words py-px leading-snug")}>{text}</p>
              {action && (
                <button
                  type="button"
                  className="shrink-0 rounded px-1.5 font-medium text-link hover:underline"
                  onClick={() => {
                    action.run();
                    dismiss(id);
                  }}
                >
                  {action.label}
                </button>
              )}
              <button
                type="button"
                aria-label="Dismiss"
                className="shrink-0 rounded p-0.5 text-muted-foreground hover:text-foreground"
                onClick={() => dismiss(id)}
              >
                <XIcon className="size-4" aria-hidden="true" />
              </button>
            </div>
          ))}
        </div>
      </section>
    </>
  );
}
