"use client";

import { ArrowUpIcon, LoaderCircleIcon } from "lucide-react";
import { type FormEvent, type KeyboardEvent, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { Button } from "@/components/ui/button";
import { Kbd } from "@/components/ui/kbd";
import { goTo } from "@/hooks/use-place";
import { type About, api, type Choices, messageOf, urls } from "@/lib/api";
import { AgentCount } from "./agent-count";
import { OtherChoices } from "./choices";
import { Examples } from "./examples";

const DRAFT = "hotdesk.draft";
/** The server's own words for its limits come with /api/about; until then these hold. */
const UNTIL_KNOWN = { agents: { default: 3, max: 4 }, prompt_chars: 20_000 };

const still = () => () => {};
const useMac = () =>
  useSyncExternalStore(
    still,
    () => /Mac|iPhone|iPad/.test(navigator.platform),
    () => false,
  );

function kept(): string {
  try {
    return sessionStorage.getItem(DRAFT) ?? "";
  } catch {
    return "";
  }
}

function keep(draft: string): void {
  try {
    sessionStorage.setItem(DRAFT, draft);
  } catch {
    // Without storage the draft is lost with the page, nothing else.
  }
}

export function PromptForm({ about, go = goTo }: { about: About | null; go?: (path: string) => void }) {
  const [prompt, setPrompt] = useState("");
  const [chosen, setChosen] = useState<number | null>(null);
  const [choices, setChoices] = useState<Choices>({});
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const input = useRef<HTMLTextAreaElement>(null);
  const mac = useMac();
  const limits = about ?? UNTIL_KNOWN;
  const agents = Math.min(chosen ?? limits.agents.default, limits.agents.max);
  const tooLong = prompt.length > limits.prompt_chars;

  useEffect(() => {
    setPrompt((typed) => typed || kept());
    const back = (event: PageTransitionEvent) => event.persisted && setSending(false);
    window.addEventListener("pageshow", back);
    return () => window.removeEventListener("pageshow", back);
  }, []);

  function type(text: string): void {
    setPrompt(text);
    setError(null);
    keep(text);
  }

  async function submit(event?: FormEvent): Promise<void> {
    event?.preventDefault();
    if (sending) return;
    if (prompt.trim() === "") {
      setError("Type what is to be done first.");
      input.current?.focus();
      return;
    }
    if (tooLong) return;
    setSending(true);
    setError(null);
    try {
      const { id } = await api.start(prompt, agents, choices);
      keep("");
      go(urls.session(id));
    } catch (failure) {
      setError(messageOf(failure));
      setSending(false);
      input.current?.focus();
    }
  }

  function pressed(event: KeyboardEvent): void {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.nativeEvent.isComposing) {
      event.preventDefault();
      void submit();
    }
  }

  return (
    <div className="w-full">
      <form
        onSubmit={submit}
        className="rounded-2xl border border-input bg-card shadow-lift transition-[border-color,box-shadow] focus-within:border-ring focus-within:ring-4 focus-within:ring-ring/15"
      >
        <label htmlFor="prompt" className="sr-only">
          What should be done?
        </label>
        <textarea
          ref={input}
          id="prompt"
          data-testid="prompt-input"
          value={prompt}
          onChange={(event) => type(event.target.value)}
          onKeyDown={pressed}
          rows={3}
          dir="auto"
          // biome-ignore lint/a11y/noAutofocus: the one thing this page is for
          autoFocus
          aria-invalid={error !== null || tooLong}
          aria-describedby={error || tooLong ? "prompt-error" : undefined}
          placeholder="Describe the outcome you want…"
          className="thin-scroll field-sizing-content block max-h-[40dvh] min-h-24 w-full resize-none rounded-t-2xl bg-transparent px-4.5 pt-4 pb-2 text-base leading-relaxed outline-none placeholder:text-muted-foreground"
        />
        <div className="flex flex-wrap items-center justify-between gap-x-3 gap-y-2 px-3 pb-3">
          <AgentCount value={agents} max={limits.agents.max} onChange={setChosen} />
          <div className="ml-auto flex items-center gap-3">
            <span className="hidden items-center gap-1 text-muted-foreground text-xs sm:flex" aria-hidden="true">
              <Kbd>{mac ? "⌘" : "Ctrl"}</Kbd>
              <Kbd>Enter</Kbd>
            </span>
            <Button type="submit" data-testid="submit" aria-disabled={sending || tooLong} size="default">
              {sending ? <LoaderCircleIcon className="animate-spin" aria-hidden="true" /> : <ArrowUpIcon aria-hidden="true" />}
              {sending ? "Starting…" : "Start"}
            </Button>
          </div>
        </div>
      </form>
      <div aria-live="polite" id="prompt-error">
        {(error || tooLong) && (
          <p className="mt-2.5 px-1 text-bad text-sm">
            {tooLong
              ? `That is ${prompt.length.toLocaleString()} characters; at most ${limits.prompt_chars.toLocaleString()} can be sent.`
              : error}
          </p>
        )}
      </div>
      <div className="flow-root min-h-7">{about && <OtherChoices about={about} value={choices} onChange={setChoices} />}</div>
      <Examples
        examples={about?.examples ?? null}
        onPick={(example) => {
          type(example);
          input.current?.focus();
        }}
      />
    </div>
  );
}
