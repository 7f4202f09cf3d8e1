/** How a file can be shown in the page. */
import type { ArtifactState } from "./whiteboard";

export type Preview = "image" | "pdf" | "table" | "html" | "text" | "none";

/** Larger text is not fetched for a preview. */
export const PREVIEW_BYTES = 2_000_000;

const TEXT =
  /\.(txt|md|markdown|log|json|jsonl|ya?ml|toml|ini|cfg|xml|css|js|mjs|ts|tsx|jsx|py|sh|bash|sql|rs|go|c|h|cpp|java|rb|tex|srt|diff|patch)$/i;

export function previewOf({ name, media_type, bytes }: Pick<ArtifactState, "name" | "media_type" | "bytes">): Preview {
  const type = media_type.split(";")[0]?.trim().toLowerCase() ?? "";
  if (/^image\/(png|jpeg|gif|webp|avif|bmp|x-icon)$/.test(type)) return "image";
  if (type === "application/pdf") return "pdf";
  if (bytes > PREVIEW_BYTES) return "none";
  if (type === "text/csv" || type === "text/tab-separated-values" || /\.(csv|tsv)$/i.test(name)) return "table";
  if (type === "text/html" || type === "application/xhtml+xml") return "html";
  if (
    type.startsWith("text/") ||
    /^application\/(json|xml|x-sh|x-yaml|yaml|toml|javascript|x-python)$|\+(json|xml)$/.test(type) ||
    TEXT.test(name)
  )
    return "text";
  return "none";
}
