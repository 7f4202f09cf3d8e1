"use client";

import { CircleAlertIcon, LoaderCircleIcon, PlugZapIcon } from "lucide-react";
import { type ReactNode, useEffect, useRef } from "react";
import { Logo } from "@/components/shell/logo";
import { Message } from "@/components/shell/message";
import { Button, buttonVariants } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { Tabs, TabsContent } from "@/components/ui/tabs";
import { useAnnouncements } from "@/hooks/use-announcements";
import { Later, useLater } from "@/hooks/use-later";
import { SessionContext, useFollowedSession, useSession } from "@/hooks/use-session";
import { useView, type View } from "@/hooks/use-view";
import { progressOf } from "@/lib/agents";
import { explain } from "@/lib/api";
import { keysAreTaken } from "@/lib/keys";
import { dismiss, toast } from "@/lib/notify";
import { tabName } from "@/lib/tab";
import { Overview } from "./overview";
import { Progress } from "./progress";
import { SessionHeader } from "./session-header";
import { ViewTabs } from "./view-tabs";

/** What is shown first comes first; the other views after the desks' viewer, and before anybody can ask for them. */
const OTHERS_AFTER_MS = 1000;
const agent = new Later(() => import("@/components/agents/agent-view").then(({ AgentView }) => AgentView));
const whiteboard = new Later(() => import("@/components/whiteboard/whiteboard").then(({ Whiteboard }) => Whiteboard));
const summary = new Later(() => import("@/components/summary/summary").then(({ Summary }) => Summary));

/** A session, followed live. */
export function SessionScreen({ session }: { session: string }) {
  const store = useFollowedSession(session);
  const [asked] = useView();
  // The view asked for is fetched while the session is.
  useEffect(() => {
    if (asked.startsWith("agent:")) void agent.fetch();
  }, [asked]);
  if (!store) return <Loading />;
  return (
    <SessionContext value={store}>
      <Followed />
    </SessionContext>
  );
}

function Followed() {
  const phase = useSession((state) => state.phase);
  const problem = useSession((state) => state.problem);
  if (phase === "failed") return <Failed problem={explain(problem ?? {})} missing={problem?.status === 404} />;
  if (phase === "loading") return <Loading />;
  return <Open />;
}

function Open() {
  const [asked, show] = useView();
  const board = useSession((state) => state.board);
  const complete = board.summary != null;
  const view: Exclude<View, "auto"> =
    asked === "auto" ? (complete ? "summary" : "overview") : asked === "summary" && !complete ? "overview" : asked;
  useAnnouncements();
  useTitle();
  useSummaryWhenDone(view, show);
  useKeys(show);
  useEffect(() => {
    const timer = setTimeout(() => {
      for (const view of [agent, whiteboard, summary]) void view.fetch();
    }, OTHERS_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);

  const openAgent = (agent: string) => show(`agent:${agent}`);
  return (
    <Tabs value={view} onValueChange={(next) => show(next as View)} className="flex min-h-dvh flex-col lg:h-dvh">
      <div className="sticky top-0 z-20 shrink-0">
        <SessionHeader />
        <section aria-label="Views and progress" className="flex flex-col border-b bg-card md:flex-row md:items-center md:justify-between">
          <ViewTabs view={view} />
          <Progress className="px-4 pb-2 md:w-64 md:shrink-0 md:px-5 md:py-0" />
        </section>
      </div>
      <main className="min-h-0 flex-1">
        <Panel value="overview">
          <Overview onOpenAgent={openAgent} />
        </Panel>
        {view.startsWith("agent:") && (
          <TabsContent value={view} className="outline-none lg:h-full" tabIndex={-1}>
            <Coming later={agent} with={{ id: view.slice(6) }} />
          </TabsContent>
        )}
        <Panel value="whiteboard">
          <Coming later={whiteboard} with={{}} />
        </Panel>
        {complete && (
          <Panel value="summary">
            <Coming later={summary} with={{ onOpenAgent: openAgent }} />
          </Panel>
        )}
      </main>
    </Tabs>
  );
}

function Panel({ value, children }: { value: string; children: ReactNode }) {
  return (
    <TabsContent
      value={value}
      className="thin-scroll relative outline-none focus-visible:outline-2 focus-visible:-outline-offset-2 lg:h-full lg:overflow-y-auto"
    >
      {children}
    </TabsContent>
  );
}

/** A view whose code comes later. */
function Coming<P extends object>({ later, with: props }: { later: Later<P>; with: P }) {
  const Component = useLater(later);
  return Component ? <Component {...props} /> : <Wait />;
}

function Wait() {
  return (
    <p role="status" className="fade-in fill-mode-both animate-in p-6 text-muted-foreground text-sm delay-500">
      Loading…
    </p>
  );
}

function useTitle(): void {
  const prompt = useSession((state) => state.board.prompt);
  const progress = useSession(({ board }) => {
    if (board.status === "complete") return board.outcome === "completed" ? "✓ " : "";
    const { tasks, done } = progressOf(board);
    return tasks.length > 0 ? `${done}/${tasks.length} ` : "";
  });
  useEffect(() => {
    document.title = `${progress}${prompt.replace(/\s+/g, " ").slice(0, 60)} – Hotdesk`;
  }, [progress, prompt]);
}

/** When the session completes, who looks at the overview is shown the summary; who reads or works elsewhere is told of it. */
function useSummaryWhenDone(view: View, show: (view: View) => void): void {
  const complete = useSession((state) => state.board.summary != null);
  const hadDesk = useSession((state) => Object.values(state.board.agents).some(({ taken_by }) => taken_by === tabName()));
  const was = useRef(complete);
  const told = useRef<number | null>(null);
  useEffect(() => {
    if (was.current === complete) return;
    was.current = complete;
    if (view === "overview" && !hadDesk) show("summary");
    else if (view !== "summary")
      told.current = toast("The session is complete.", { action: { label: "Show the summary", run: () => show("summary") } });
  }, [complete, view, hadDesk, show]);
  useEffect(() => {
    if (view === "summary" && told.current !== null) dismiss(told.current);
  }, [view]);
}

/** 0 overview, 1–9 agents, w whiteboard, s summary. */
function useKeys(show: (view: View) => void): void {
  const agents = useSession((state) => state.board.agents);
  const complete = useSession((state) => state.board.summary != null);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (keysAreTaken(event)) return;
      const agent = Object.keys(agents)[Number(event.key) - 1];
      if (event.key === "0") show("overview");
      else if (event.key === "w") show("whiteboard");
      else if (event.key === "s" && complete) show("summary");
      else if (/^[1-9]$/.test(event.key) && agent) show(`agent:${agent}`);
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, [agents, complete, show]);
}

/** Shown until the log has been read; after a while it says that the server does not answer. */
export function Loading() {
  return (
    <div className="flex min-h-dvh flex-col">
      <header className="flex h-14 shrink-0 items-center gap-3 border-b bg-card px-3 sm:px-5">
        <a href="/" aria-label="Hotdesk, to the start page" className="rounded-md">
          <Logo className="size-6.5" />
        </a>
        <Skeleton className="h-4 w-1/3" />
      </header>
      <main className="flex flex-1 flex-col gap-4 p-4 sm:px-6">
        <h1 className="sr-only">Session</h1>
        <p role="status" className="flex items-center gap-2 text-muted-foreground text-sm">
          <LoaderCircleIcon className="size-4 animate-spin" aria-hidden="true" />
          Opening the session…
        </p>
        <p className="fade-in fill-mode-both flex animate-in items-center gap-2 text-muted-foreground text-sm delay-5000 duration-500">
          <PlugZapIcon className="size-4 shrink-0" aria-hidden="true" />
          The server takes long to answer. If it does not run, start it; this page connects by itself.
        </p>
        <div className="grid gap-4 md:grid-cols-2" aria-hidden="true">
          <Skeleton className="aspect-[16/11] rounded-xl" />
          <Skeleton className="aspect-[16/11] rounded-xl max-md:hidden" />
        </div>
      </main>
    </div>
  );
}

export function Failed({ problem, missing }: { problem: string; missing: boolean }) {
  return (
    <main className="grid min-h-dvh place-items-center">
      <h1 className="sr-only">Session</h1>
      <Message
        icon={CircleAlertIcon}
        title={missing ? "There is no such session" : "The session cannot be shown"}
        action={
          <div className="mt-1 flex gap-2">
            {!missing && (
              <Button variant="outline" size="sm" onClick={() => window.location.reload()}>
                Try again
              </Button>
            )}
            <a href="/" className={buttonVariants({ variant: "outline", size: "sm" })}>
              Go to the start
            </a>
          </div>
        }
      >
        <p role="alert">{problem}</p>
      </Message>
    </main>
  );
}
