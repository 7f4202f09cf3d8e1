"use client";

import { SessionList } from "@/components/sessions/session-list";
import { Logo } from "@/components/shell/logo";
import { RehearsalNotice } from "@/components/shell/rehearsal-notice";
import { ThemeToggle } from "@/components/shell/theme-toggle";
import { Button } from "@/components/ui/button";
import { useAbout } from "@/hooks/use-about";
import { InUse } from "./in-use";
import { PromptForm } from "./prompt-form";

export function Home() {
  const { about, error, retry } = useAbout();
  return (
    <div className="flex min-h-dvh flex-col">
      <header className="flex h-14 shrink-0 items-center justify-between px-4 sm:px-6">
        <span className="flex items-center gap-2 font-semibold text-[15px] tracking-tight">
          <Logo className="size-6" />
          Hotdesk
        </span>
        <ThemeToggle />
      </header>
      <main className="flex-1">
        {/* The input begins at 36 % of the height, so that it stands in the middle third of any window. */}
        <div className="mx-auto w-full max-w-2xl px-4 pb-14 sm:px-6">
          <div className="flex min-h-[calc(36dvh-3.5rem)] flex-col items-center justify-end gap-2.5 pt-4 pb-6">
            <h1 className="text-balance text-center font-semibold text-[1.75rem] leading-tight tracking-[-0.025em] sm:text-[2.1rem]">
              What should your agents do?
            </h1>
            <p className="max-w-xl text-pretty text-center text-base text-muted-foreground leading-7">
              Your prompt becomes tasks, and every task gets an agent at its own Linux desktop. Watch them work live, and step in whenever
              you like.
            </p>
          </div>
          <PromptForm about={about} />
          <div className="mt-5 flex min-h-56 flex-col gap-4 border-t pt-4 sm:min-h-52">
            {error ? (
              <div role="alert" className="flex flex-wrap items-center justify-between gap-3 rounded-lg px-3.5 py-2.5 text-sm tint-bad">
                <span className="min-w-0 flex-1 break-words">{error}</span>
                <Button variant="outline" size="xs" onClick={retry}>
                  Try again
                </Button>
              </div>
            ) : (
              <InUse about={about} />
            )}
            {about?.notice && <RehearsalNotice notice={about.notice} />}
          </div>
        </div>
        <SessionList />
      </main>
    </div>
  );
}
