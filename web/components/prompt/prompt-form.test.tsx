import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, it, vi } from "vitest";
import type { About } from "@/lib/api";
import { PromptForm } from "./prompt-form";

const about: About = {
  version: "0.1.0",
  planner: { name: "rehearsal", label: "Rehearsal", why: "No key." },
  brain: { name: "rehearsal", label: "Rehearsal", why: "No key.", rehearsal: true },
  desks: { name: "pretend", label: "Pretend", why: "Chosen." },
  desk_choices: [{ name: "pretend", label: "Pretend", why: "" }],
  notice: null,
  agents: { default: 2, max: 4 },
  choices: ["anthropic:claude-x", "rehearsal"],
  prompt_chars: 50,
  examples: ["Make a website for a small bakery"],
};

const go = vi.fn();
const server = vi.fn<typeof fetch>();
const input = () => screen.getByTestId<HTMLTextAreaElement>("prompt-input");
const answer = (status: number, body: unknown) => server.mockResolvedValueOnce(new Response(JSON.stringify(body), { status }));
const type = (text: string) => fireEvent.change(input(), { target: { value: text } });

beforeEach(() => {
  sessionStorage.clear();
  go.mockReset();
  server.mockReset();
  vi.stubGlobal("fetch", server);
});

it.each([{ ctrlKey: true }, { metaKey: true }])("starts a session with Enter and %o", async (held) => {
  answer(201, { id: "s 1" });
  render(<PromptForm about={about} go={go} />);
  type("Make a page");
  fireEvent.click(screen.getByRole("radio", { name: "4 agents" }));
  fireEvent.keyDown(input(), { key: "Enter", ...held });
  await waitFor(() => expect(go).toHaveBeenCalledWith("/session/s%201/"));
  expect(JSON.parse(String(server.mock.calls[0]?.[1]?.body))).toEqual({ prompt: "Make a page", agents: 4 });
});

it("starts with the button, and only once", async () => {
  answer(201, { id: "s1" });
  render(<PromptForm about={about} go={go} />);
  type("Make a page");
  fireEvent.click(screen.getByTestId("submit"));
  fireEvent.click(screen.getByTestId("submit"));
  await waitFor(() => expect(go).toHaveBeenCalledTimes(1));
  expect(server).toHaveBeenCalledTimes(1);
});

it("Enter alone is a new line", () => {
  render(<PromptForm about={about} go={go} />);
  type("Make a page");
  fireEvent.keyDown(input(), { key: "Enter" });
  expect(server).not.toHaveBeenCalled();
});

it("an empty prompt is not sent", () => {
  render(<PromptForm about={about} go={go} />);
  type("  \n ");
  fireEvent.click(screen.getByTestId("submit"));
  expect(server).not.toHaveBeenCalled();
  expect(screen.getByText("Type what is to be done first.")).toBeTruthy();
});

it("a prompt over the server's limit is not sent, and says how long it is", () => {
  render(<PromptForm about={about} go={go} />);
  type("x".repeat(51));
  fireEvent.click(screen.getByTestId("submit"));
  expect(server).not.toHaveBeenCalled();
  expect(screen.getByText(/51 characters; at most 50/)).toBeTruthy();
});

it("shows the server's sentence and keeps what was typed", async () => {
  answer(422, { type: "about:blank", title: "Unprocessable", status: 422, detail: "Too many agents.", code: "bad_input:request" });
  render(<PromptForm about={about} go={go} />);
  type("Make a page");
  fireEvent.click(screen.getByTestId("submit"));
  expect(await screen.findByText("Too many agents.")).toBeTruthy();
  expect(input().value).toBe("Make a page");
});

it("an example fills the input and starts nothing; a draft survives a reload", () => {
  const { unmount } = render(<PromptForm about={about} go={go} />);
  fireEvent.click(screen.getByRole("button", { name: /bakery/ }));
  expect(input().value).toBe(about.examples[0]);
  expect(server).not.toHaveBeenCalled();
  unmount();
  render(<PromptForm about={about} go={go} />);
  expect(input().value).toBe(about.examples[0]);
});

it("offers other desks where there are some, and sends them only if they are others", async () => {
  const there = { ...about, desk_choices: [...about.desk_choices, { name: "local", label: "Here", why: "" }] };
  render(<PromptForm about={there} go={go} />);
  fireEvent.change(screen.getByTestId("choose-desks"), { target: { value: "local" } });
  type("Make a page");
  answer(201, { id: "s1" });
  fireEvent.keyDown(input(), { key: "Enter", ctrlKey: true });
  await waitFor(() => expect(go).toHaveBeenCalled());
  expect(JSON.parse(String(server.mock.calls[0]?.[1]?.body))).toEqual({ prompt: "Make a page", agents: 2, desks: "local" });
});

it("begins with the server's number of agents", () => {
  render(<PromptForm about={about} go={go} />);
  expect(screen.getByRole<HTMLInputElement>("radio", { name: "2 agents" }).checked).toBe(true);
});

it("sends the models that were chosen for this session, and only those", async () => {
  answer(201, { id: "s1" });
  render(<PromptForm about={about} go={go} />);
  type("Make a page");
  fireEvent.change(screen.getByTestId("choose-brain"), { target: { value: " anthropic:claude-x " } });
  fireEvent.click(screen.getByTestId("submit"));
  await waitFor(() => expect(go).toHaveBeenCalledTimes(1));
  expect(JSON.parse(String(server.mock.calls[0]?.[1]?.body))).toEqual({ prompt: "Make a page", agents: 2, brain: "anthropic:claude-x" });
});
