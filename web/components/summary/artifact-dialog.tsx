"use client";

import { DownloadIcon, ExternalLinkIcon } from "lucide-react";
import { useEffect, useState } from "react";
import { Button, buttonVariants } from "@/components/ui/button";
import { Dialog, DialogContent, DialogDescription, DialogTitle } from "@/components/ui/dialog";
import { Skeleton } from "@/components/ui/skeleton";
import { api, messageOf, urls } from "@/lib/api";
import { previewOf } from "@/lib/artifacts";
import { parseTable } from "@/lib/csv";
import { bytes } from "@/lib/format";
import type { ArtifactState } from "@/lib/whiteboard";

const MOST_ROWS = 200;
const MOST_CHARS = 300_000;

/** A look into a file. What agents made is shown as data; HTML runs nothing and reaches nothing (an empty sandbox). */
export default function ArtifactDialog({ session, artifact, onClose }: { session: string; artifact: ArtifactState; onClose: () => void }) {
  const preview = previewOf(artifact);
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent className="max-w-4xl gap-3 p-5">
        <DialogTitle>
          <span dir="auto" className="break-all">
            {artifact.name}
          </span>
        </DialogTitle>
        <DialogDescription>
          {artifact.media_type}, {bytes(artifact.bytes)}
          {artifact.path && artifact.path !== artifact.name ? `, ${artifact.path} on the desk` : ""}
        </DialogDescription>
        <div className="min-h-0 flex-1 overflow-hidden rounded-lg border bg-card">
          {preview === "image" ? (
            <div className="thin-scroll max-h-[65dvh] overflow-auto bg-desk">
              <img src={urls.artifact(session, artifact.id, true)} alt={artifact.name} className="mx-auto max-w-full" />
            </div>
          ) : preview === "pdf" ? (
            <iframe title={artifact.name} src={urls.artifact(session, artifact.id, true)} className="h-[65dvh] w-full" />
          ) : (
            <TextPreview session={session} artifact={artifact} as={preview} />
          )}
        </div>
        <div className="flex flex-wrap justify-end gap-2">
          {(preview === "image" || preview === "pdf") && (
            <a
              href={urls.artifact(session, artifact.id, true)}
              target="_blank"
              rel="noreferrer"
              className={buttonVariants({ variant: "ghost", size: "sm" })}
            >
              <ExternalLinkIcon aria-hidden="true" />
              Open in a new tab
            </a>
          )}
          <a href={urls.artifact(session, artifact.id)} download={artifact.name} className={buttonVariants({ size: "sm" })}>
            <DownloadIcon aria-hidden="true" />
            Download
          </a>
        </div>
      </DialogContent>
    </Dialog>
  );
}

function TextPreview({ session, artifact, as }: { session: string; artifact: ArtifactState; as: "table" | "html" | "text" | "none" }) {
  const [text, setText] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [source, setSource] = useState(false);

  useEffect(() => {
    let here = true;
    api.artifactText(session, artifact.id).then(
      (content) => here && setText(content),
      (failure) => here && setError(messageOf(failure)),
    );
    return () => {
      here = false;
    };
  }, [session, artifact.id]);

  if (error)
    return (
      <p role="alert" className="p-4 text-bad text-sm">
        {error}
      </p>
    );
  if (text === null)
    return (
      <div className="flex flex-col gap-2 p-4" role="status" aria-label="Loading the file">
        <Skeleton className="h-4 w-3/4" />
        <Skeleton className="h-4 w-1/2" />
        <Skeleton className="h-4 w-2/3" />
      </div>
    );
  if (text === "") return <p className="p-4 text-muted-foreground text-sm">The file is empty.</p>;
  if (as === "table")
    return (
      <Table
        text={text}
        separator={/\.tsv$/i.test(artifact.name) || artifact.media_type.startsWith("text/tab") ? "\t" : ","}
        name={artifact.name}
      />
    );
  if (as === "html" && !source)
    return (
      <div className="flex flex-col">
        <Switch label="Show the source" onClick={() => setSource(true)} />
        <iframe title={artifact.name} sandbox="" srcDoc={text} className="h-[58dvh] w-full bg-white" />
      </div>
    );
  return (
    <div className="flex flex-col">
      {as === "html" && <Switch label="Show the page" onClick={() => setSource(false)} />}
      <pre
        tabIndex={0}
        role="region"
        aria-label={`Content of ${artifact.name}`}
        dir="auto"
        className="thin-scroll max-h-[60dvh] overflow-auto whitespace-pre-wrap break-words p-4 font-mono text-xs leading-relaxed"
      >
        {text.slice(0, MOST_CHARS)}
        {text.length > MOST_CHARS && "\n\n… the rest is in the download."}
      </pre>
    </div>
  );
}

function Switch({ label, onClick }: { label: string; onClick: () => void }) {
  return (
    <div className="flex justify-end border-b p-1.5">
      <Button variant="ghost" size="xs" onClick={onClick}>
        {label}
      </Button>
    </div>
  );
}

function Table({ text, separator, name }: { text: string; separator: string; name: string }) {
  const [head = [], ...body] = parseTable(text, separator, MOST_ROWS + 1);
  return (
    <div tabIndex={0} role="region" aria-label={`Table in ${name}`} className="thin-scroll max-h-[60dvh] overflow-auto">
      <table className="w-full border-collapse text-left text-xs">
        <thead className="sticky top-0 bg-muted">
          <tr>
            {head.map((cell, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a table that does not change
              <th key={index} scope="col" dir="auto" className="whitespace-nowrap border-b px-3 py-2 font-medium">
                {cell}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {body.map((row, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a table that does not change
            <tr key={index} className="border-b last:border-0">
              {row.map((cell, column) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a table that does not change
                <td key={column} dir="auto" className="max-w-80 break-words px-3 py-1.5 align-top">
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {body.length >= MOST_ROWS && (
        <p className="p-3 text-muted-foreground text-xs">The first {MOST_ROWS} rows; the rest is in the download.</p>
      )}
    </div>
  );
}
