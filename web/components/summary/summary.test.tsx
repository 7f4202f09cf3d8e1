import { screen, within } from "@testing-library/react";
import { expect, it } from "vitest";
import type { Schemas } from "@/lib/events";
import { eventsOf, renderSession } from "@/test/session";
import { headlineOf, Summary } from "./summary";

const task = (status: Schemas["SummaryTask"]["status"]): Schemas["SummaryTask"] => ({
  task: "t",
  title: "T",
  status,
  agent: null,
  attempts: 1,
  result: "",
  artifacts: [],
  seconds: null,
});

it("says what each task gave, what each agent did, which files there are and how long it took", () => {
  renderSession(eventsOf("two agents"), () => <Summary onOpenAgent={() => {}} />);
  const summary = screen.getByTestId("summary");
  expect(within(summary).getByText("All done.")).toBeTruthy();
  expect(within(summary).getByText("13 s")).toBeTruthy();
  const given = screen.getByTestId("summary-task-t1");
  expect(within(given).getByText("Wrote notes.")).toBeTruthy();
  expect(within(given).getByRole("link", { name: "notes.md" }).getAttribute("href")).toBe("/api/sessions/s-fixture/artifacts/x1");
  expect(within(screen.getByTestId("artifact-x1")).getByRole("button", { name: "Preview notes.md" })).toBeTruthy();
  expect(screen.getByTestId("download-all").getAttribute("href")).toBe("/api/sessions/s-fixture/artifacts.zip");
  expect(screen.getByRole("button", { name: "Read Ada's log" })).toBeTruthy();
});

it("shows the prompt as text, never as markup", () => {
  const { container } = renderSession(eventsOf("two agents"), () => <Summary onOpenAgent={() => {}} />);
  expect(screen.getByText(/Compare <b>three<\/b> laptops/)).toBeTruthy();
  expect(container.querySelector("b")).toBeNull();
});

it.each([
  ["completed", ["completed", "completed"], "All 2 tasks done"],
  ["completed", ["completed"], "Done"],
  ["completed", ["completed", "dropped", "completed"], "All 2 tasks done"],
  ["failed", ["completed", "failed", "completed"], "2 of 3 tasks done"],
  ["failed", [], "Nothing was done"],
  ["stopped", ["completed", "not done"], "Stopped with 1 of 2 tasks done"],
  ["interrupted", ["not done"], "Interrupted with 0 of 1 task done"],
] as const)("is honest: %s %j is «%s»", (outcome, statuses, headline) => {
  expect(headlineOf(outcome, statuses.map(task)).headline).toBe(headline);
});
