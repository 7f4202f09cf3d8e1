"use client";

import {
  BanIcon,
  CheckIcon,
  CircleCheckIcon,
  CircleStopIcon,
  ClockIcon,
  CoinsIcon,
  DownloadIcon,
  FilesIcon,
  FootprintsIcon,
  ListChecksIcon,
  type LucideIcon,
  TriangleAlertIcon,
  XIcon,
} from "lucide-react";
import type { ReactNode } from "react";
import { AgentMark } from "@/components/agents/agent-badge";
import { Badge } from "@/components/ui/badge";
import { buttonVariants } from "@/components/ui/button";
import { useSession } from "@/hooks/use-session";
import { agentColour, taskTitle } from "@/lib/agents";
import { urls } from "@/lib/api";
import type { Schemas } from "@/lib/events";
import { bytes, duration, plural, spending, spendingInFull } from "@/lib/format";
import { cn } from "@/lib/utils";
import type { Whiteboard } from "@/lib/whiteboard";
import { ArtifactGallery } from "./artifact-gallery";

type SummaryTask = Schemas["SummaryTask"];

/** What came of the session: the outcome honestly, what each task gave, what each agent did, the files, the time. */
export function Summary({ onOpenAgent }: { onOpenAgent: (agent: string) => void }) {
  const board = useSession((state) => state.board);
  const { summary, outcome } = board;
  if (!summary || !outcome) return null;
  const files = Object.values(board.artifacts);
  const size = files.reduce((sum, file) => sum + file.bytes, 0);
  const steps = summary.agents.reduce((sum, agent) => sum + agent.steps, 0);
  const cost = spending(board.spent);
  const { icon: Icon, headline, tone } = headlineOf(outcome, summary.tasks);
  return (
    <div data-testid="summary" data-outcome={outcome} className="mx-auto flex w-full max-w-4xl flex-col gap-9 px-4 py-8 sm:px-6">
      <header className="flex flex-col gap-4">
        <div className="flex items-start gap-3.5">
          <span className={cn("mt-0.5 flex size-10 shrink-0 items-center justify-center rounded-xl", tone)}>
            <Icon className="size-5" aria-hidden="true" />
          </span>
          <div className="min-w-0">
            <h2 className="text-balance font-semibold text-2xl leading-snug tracking-[-0.02em]">{headline}</h2>
            {board.stop_reason && outcome !== "completed" && (
              <p className="mt-0.5 break-words text-muted-foreground text-sm">{board.stop_reason}</p>
            )}
          </div>
        </div>
        <p dir="auto" className="max-w-3xl whitespace-pre-wrap break-words text-[15px] leading-relaxed">
          {summary.text}
        </p>
        <dl className="flex flex-wrap gap-x-7 gap-y-2 text-sm">
          <Fact icon={ClockIcon} what="Time" value={duration(summary.seconds)} />
          <Fact icon={ListChecksIcon} what="Tasks" value={`${done(summary.tasks)} of ${plural(needed(summary.tasks).length, "task")}`} />
          <Fact icon={FootprintsIcon} what="Work" value={`${plural(steps, "step")} by ${plural(summary.agents.length, "agent")}`} />
          <Fact icon={FilesIcon} what="Files" value={files.length === 0 ? "no files" : `${plural(files.length, "file")}, ${bytes(size)}`} />
          {cost && <Fact icon={CoinsIcon} what="Spent" value={`${cost}, ${spendingInFull(board.spent)}`} />}
        </dl>
      </header>

      <Section
        title="Files"
        action={
          files.length > 0 && (
            <a
              href={urls.allArtifacts(board.session)}
              download
              data-testid="download-all"
              className={buttonVariants({ variant: "outline", size: "sm" })}
            >
              <DownloadIcon aria-hidden="true" />
              Download all
            </a>
          )
        }
      >
        {files.length === 0 ? (
          <p className="rounded-xl border border-dashed px-4 py-6 text-center text-muted-foreground text-sm">
            No files came of this session.
          </p>
        ) : (
          <ArtifactGallery session={board.session} artifacts={files} board={board} />
        )}
      </Section>

      {summary.tasks.length > 0 && (
        <Section title="What each task gave">
          <ul className="divide-y overflow-hidden rounded-xl border bg-card">
            {summary.tasks.map((task) => (
              <TaskRow key={task.task} task={task} board={board} />
            ))}
          </ul>
        </Section>
      )}

      {summary.agents.length > 0 && (
        <Section title="What each agent did">
          <ul className="grid gap-3 sm:grid-cols-2">
            {summary.agents.map((agent) => (
              <li key={agent.agent} style={agentColour(board, agent.agent)} className="min-w-0 rounded-xl border bg-card p-4">
                <div className="flex items-center gap-2.5">
                  <AgentMark name={agent.name} />
                  <h4 className="min-w-0 flex-1 truncate font-semibold text-sm">{agent.name}</h4>
                  {agent.ended === "lost" && <Badge tone="bad">Lost</Badge>}
                  <span className="text-muted-foreground text-xs tabular-nums">{plural(agent.steps, "step")}</span>
                </div>
                {agent.tasks.length > 0 ? (
                  <ul className="mt-2.5 flex list-disc flex-col gap-1 pl-4.5 text-[13px] leading-5 marker:text-muted-foreground">
                    {agent.tasks.map((task) => (
                      <li key={task} dir="auto" className="break-words">
                        {taskTitle(board, task) || task}
                      </li>
                    ))}
                  </ul>
                ) : (
                  <p className="mt-2.5 text-[13px] text-muted-foreground">Had no task.</p>
                )}
                {board.agents[agent.agent] && (
                  <button
                    type="button"
                    onClick={() => onOpenAgent(agent.agent)}
                    className="mt-3 rounded font-medium text-[13px] text-link hover:underline"
                  >
                    Read {agent.name}'s log
                  </button>
                )}
              </li>
            ))}
          </ul>
        </Section>
      )}

      <Section title="The prompt">
        <p dir="auto" className="whitespace-pre-wrap break-words rounded-xl border bg-card px-4 py-3 text-sm leading-relaxed">
          {board.prompt}
        </p>
      </Section>
    </div>
  );
}

/** Tasks that turned out not to be needed count neither as done nor as not done. */
const needed = (tasks: readonly SummaryTask[]) => tasks.filter(({ status }) => status !== "dropped");
const done = (tasks: readonly SummaryTask[]) => tasks.filter(({ status }) => status === "completed").length;

export function headlineOf(
  outcome: NonNullable<Whiteboard["outcome"]>,
  tasks: readonly SummaryTask[],
): { icon: LucideIcon; headline: string; tone: string } {
  const total = needed(tasks).length;
  const count = `${done(tasks)} of ${plural(total, "task")} done`;
  switch (outcome) {
    case "completed":
      return { icon: CircleCheckIcon, headline: total === 1 ? "Done" : `All ${total} tasks done`, tone: "tint-good" };
    case "failed":
      return {
        icon: TriangleAlertIcon,
        headline: total === 0 ? "Nothing was done" : count,
        tone: done(tasks) > 0 ? "tint-warn" : "tint-bad",
      };
    case "stopped":
      return { icon: CircleStopIcon, headline: `Stopped with ${count}`, tone: "tint-plain" };
    case "interrupted":
      return { icon: TriangleAlertIcon, headline: `Interrupted with ${count}`, tone: "tint-warn" };
  }
}

function Fact({ icon: Icon, what, value }: { icon: LucideIcon; what: string; value: string }) {
  return (
    <div className="flex items-center gap-2">
      <Icon className="size-4 text-muted-foreground" aria-hidden="true" />
      <dt className="sr-only">{what}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Section({ title, action, children }: { title: string; action?: ReactNode; children: ReactNode }) {
  return (
    <section>
      <div className="mb-3 flex min-h-8 items-center justify-between gap-3">
        <h3 className="font-semibold text-[15px] tracking-tight">{title}</h3>
        {action}
      </div>
      {children}
    </section>
  );
}

const taskEnd = {
  completed: { icon: CheckIcon, word: "Done", tone: "good", colour: "text-good" },
  failed: { icon: XIcon, word: "Failed", tone: "bad", colour: "text-bad" },
  "not done": { icon: BanIcon, word: "Not done", tone: "bad", colour: "text-bad" },
  dropped: { icon: BanIcon, word: "Not needed", tone: "plain", colour: "text-muted-foreground" },
} as const;

function TaskRow({ task, board }: { task: SummaryTask; board: Whiteboard }) {
  const { icon: Icon, word, tone, colour } = taskEnd[task.status];
  const agent = task.agent ? board.agents[task.agent] : undefined;
  const files = task.artifacts.flatMap((id) => board.artifacts[id] ?? []);
  const facts = [
    agent?.name,
    task.attempts > 1 ? plural(task.attempts, "attempt") : null,
    task.seconds != null ? duration(task.seconds) : null,
  ].filter(Boolean);
  return (
    <li data-testid={`summary-task-${task.task}`} className="flex items-start gap-3 p-4">
      <Icon className={cn("mt-0.5 size-4 shrink-0", colour)} aria-hidden="true" />
      <div className="min-w-0 flex-1">
        <div className="flex flex-wrap items-center gap-x-2.5 gap-y-1">
          <h4 dir="auto" className="min-w-0 break-words font-medium text-sm">
            {task.title}
          </h4>
          {task.status === "completed" ? <span className="sr-only">{word}</span> : <Badge tone={tone}>{word}</Badge>}
          <span className="text-muted-foreground text-xs">{facts.join(" · ")}</span>
        </div>
        {task.result && (
          <p dir="auto" className="mt-1 whitespace-pre-wrap break-words text-[13.5px] leading-relaxed text-foreground/85">
            {task.result}
          </p>
        )}
        {files.length > 0 && (
          <p className="mt-1.5 flex flex-wrap gap-x-3 gap-y-1 text-[13px]">
            {files.map((file) => (
              <a
                key={file.id}
                href={urls.artifact(board.session, file.id)}
                download={file.name}
                className="min-w-0 break-all text-link hover:underline"
              >
                {file.name}
              </a>
            ))}
          </p>
        )}
      </div>
    </li>
  );
}
