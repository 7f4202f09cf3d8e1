"use client";

import { lazy, Suspense, useState } from "react";
import type { StepRow } from "@/lib/agent-log";
import { urls } from "@/lib/api";
import { callInFull, milliseconds, timeOfDay } from "@/lib/format";

const FrameDialog = lazy(() => import("./frame-dialog"));

/** A step opened up: what was thought, what was done, the screen after it, and what it took. */
export function StepDetail({ session, row, reasoning }: { session: string; row: StepRow; reasoning: string }) {
  const { line } = row;
  const timings = line ? Object.entries(line.timings).filter(([, ms]) => ms > 0) : [];
  return (
    <div className="flex flex-col gap-3 px-2 pt-1 pb-3 pl-8.5 text-xs">
      <div>
        <h4 className="mb-1 font-medium text-muted-foreground">Reasoning</h4>
        {reasoning ? (
          <p dir="auto" className="whitespace-pre-wrap break-words leading-[1.6]">
            {reasoning}
          </p>
        ) : (
          <p className="text-muted-foreground">The brain gave no reasoning for this step.</p>
        )}
      </div>
      {line && line.actions.length > 0 && (
        <div>
          <h4 className="mb-1 font-medium text-muted-foreground">{line.tool ? `Actions, with ${line.tool}` : "Actions"}</h4>
          <ol className="flex flex-col gap-1">
            {line.actions.map((action, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the actions of a step never change
              <li key={index} className="overflow-hidden rounded-md border bg-card px-2 py-1 font-mono text-[11px] leading-4.5">
                <code className="whitespace-pre-wrap break-words">{JSON.stringify(action)}</code>
              </li>
            ))}
          </ol>
        </div>
      )}
      {line?.frame && <Frame session={session} hash={line.frame} step={row.step} />}
      {row.spent.length > 0 && (
        <div>
          <h4 className="mb-1 font-medium text-muted-foreground">{row.spent.length === 1 ? "Model call" : "Model calls"}</h4>
          <ul className="flex flex-col gap-1 break-words tabular-nums">
            {row.spent.map((call, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a call, once made, stays where it is
              <li key={index}>{callInFull(call)}</li>
            ))}
          </ul>
        </div>
      )}
      <p className="text-muted-foreground tabular-nums">
        {timeOfDay(row.at)}
        {timings.map(([what, ms]) => ` · ${what} ${milliseconds(ms)}`).join("")}
        {line?.settled && ` · screen ${line.settled}`}
      </p>
    </div>
  );
}

function Frame({ session, hash, step }: { session: string; hash: string; step: number }) {
  const [missing, setMissing] = useState(false);
  const [enlarged, setEnlarged] = useState(false);
  const url = urls.frame(session, hash);
  if (missing) return <p className="text-muted-foreground">The picture of this step is not there any more.</p>;
  return (
    <>
      <button
        type="button"
        aria-haspopup="dialog"
        aria-label={`Enlarge the screen after step ${step}`}
        onClick={() => setEnlarged(true)}
        className="block w-full max-w-sm overflow-hidden rounded-lg border"
      >
        <img
          src={url}
          alt={`The screen after step ${step}`}
          loading="lazy"
          onError={() => setMissing(true)}
          className="block min-h-24 w-full bg-desk"
        />
      </button>
      {enlarged && (
        <Suspense fallback={null}>
          <FrameDialog url={url} step={step} onClose={() => setEnlarged(false)} />
        </Suspense>
      )}
    </>
  );
}
