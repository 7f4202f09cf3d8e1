"use client";

import {
  DownloadIcon,
  EyeIcon,
  FileCodeIcon,
  FileIcon,
  FileImageIcon,
  FileSpreadsheetIcon,
  FileTextIcon,
  type LucideIcon,
} from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { Button, buttonVariants } from "@/components/ui/button";
import { taskTitle } from "@/lib/agents";
import { urls } from "@/lib/api";
import { type Preview, previewOf } from "@/lib/artifacts";
import { bytes } from "@/lib/format";
import { cn } from "@/lib/utils";
import type { ArtifactState, Whiteboard } from "@/lib/whiteboard";

const ArtifactDialog = lazy(() => import("./artifact-dialog"));

const icons: Record<Preview, LucideIcon> = {
  image: FileImageIcon,
  pdf: FileTextIcon,
  table: FileSpreadsheetIcon,
  html: FileCodeIcon,
  text: FileTextIcon,
  none: FileIcon,
};

/** Files with a look inside and a download each. */
export function ArtifactGallery({
  session,
  artifacts,
  board,
}: {
  session: string;
  artifacts: readonly ArtifactState[];
  board: Whiteboard;
}) {
  const [shown, setShown] = useState<ArtifactState | null>(null);
  return (
    <>
      <ul className="grid grid-cols-[repeat(auto-fill,minmax(min(100%,20rem),1fr))] gap-3">
        {artifacts.map((artifact) => (
          <li key={artifact.id} className="min-w-0">
            <ArtifactCard session={session} artifact={artifact} board={board} onShow={() => setShown(artifact)} />
          </li>
        ))}
      </ul>
      {shown && (
        <Suspense fallback={null}>
          <ArtifactDialog session={session} artifact={shown} onClose={() => setShown(null)} />
        </Suspense>
      )}
    </>
  );
}

function ArtifactCard({
  session,
  artifact,
  board,
  onShow,
}: {
  session: string;
  artifact: ArtifactState;
  board: Whiteboard;
  onShow: () => void;
}) {
  const preview = previewOf(artifact);
  const Icon = icons[preview];
  const maker = board.agents[artifact.agent]?.name;
  const about = [bytes(artifact.bytes), maker && `by ${maker}`].filter(Boolean).join(" · ");
  return (
    <article data-testid={`artifact-${artifact.id}`} className="flex h-full flex-col overflow-hidden rounded-xl border bg-card">
      {preview === "image" && (
        <button
          type="button"
          onClick={onShow}
          aria-label={`Preview ${artifact.name}`}
          className="block border-b bg-desk focus-visible:-outline-offset-2"
        >
          <img src={urls.artifact(session, artifact.id, true)} alt="" loading="lazy" className="h-32 w-full object-contain" />
        </button>
      )}
      <div className="flex flex-1 items-center gap-3 p-3">
        <span className="flex size-9 shrink-0 items-center justify-center rounded-lg bg-muted text-muted-foreground">
          <Icon className="size-4.5" aria-hidden="true" />
        </span>
        <div className="min-w-0 flex-1">
          <h3 dir="auto" className="line-clamp-2 break-all font-medium text-[13px] leading-4.5" title={artifact.path || artifact.name}>
            {artifact.name}
          </h3>
          <p className="truncate text-muted-foreground text-xs" title={taskTitle(board, artifact.task) || undefined}>
            {about}
          </p>
        </div>
        <div className="flex shrink-0">
          {preview !== "none" && (
            <Button variant="ghost" size="iconSm" aria-label={`Preview ${artifact.name}`} title="Preview" onClick={onShow}>
              <EyeIcon className="text-muted-foreground" aria-hidden="true" />
            </Button>
          )}
          <a
            href={urls.artifact(session, artifact.id)}
            download={artifact.name}
            aria-label={`Download ${artifact.name}`}
            title="Download"
            className={cn(buttonVariants({ variant: "ghost", size: "iconSm" }))}
          >
            <DownloadIcon className="text-muted-foreground" aria-hidden="true" />
          </a>
        </div>
      </div>
    </article>
  );
}
