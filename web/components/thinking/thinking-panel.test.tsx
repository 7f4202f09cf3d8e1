import { act, fireEvent, render, screen } from "@testing-library/react";
import { beforeEach, expect, it, vi } from "vitest";
import { SessionContext, useSession } from "@/hooks/use-session";
import type { AnyEvent } from "@/lib/events";
import { createSessionStore } from "@/lib/session-store";
import { foldAll } from "@/lib/whiteboard";
import { eventsOf, renderSession } from "@/test/session";
import { ThinkingPanel } from "./thinking-panel";

function Panel() {
  const agent = useSession((state) => state.board.agents.a1);
  return agent ? <ThinkingPanel agent={agent} /> : null;
}

const events = eventsOf("two agents");
const thinking = events.find(({ type }) => type === "agent:thinking") as AnyEvent & { type: "agent:thinking" };
const underWay = events.slice(
  0,
  events.findIndex(({ type }) => type === "task:completed"),
);

/** jsdom lays nothing out: the panel is 600 pixels high, a row 32. */
beforeEach(() => {
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(600);
  vi.spyOn(HTMLElement.prototype, "offsetHeight", "get").mockReturnValue(32);
});

it("shows the steps, and opens one to its reasoning and its frame", () => {
  renderSession(underWay, () => <Panel />);
  const rows = screen.getAllByTestId("thinking-row");
  expect(rows.map((row) => row.dataset.step)).toEqual(["1", "3", "2"]);
  expect(screen.queryByText("I look at it.")).toBeNull();
  const step = screen.getByRole("button", { name: /Step 1/ });
  fireEvent.click(step);
  expect(step.getAttribute("aria-expanded")).toBe("true");
  expect(screen.getByText("I look at it.")).toBeTruthy();
  expect(screen.getByAltText("The screen after step 1").getAttribute("src")).toBe("/api/sessions/s-fixture/frames/f1");
});

it("shows reasoning as it arrives, before anything came of it", () => {
  const next = {
    seq: underWay.length + 1,
    at: 1,
    session: "s-fixture",
    type: "agent:reasoning",
    agent: "a1",
    task: "t1",
    step: 4,
    text: "Perhaps the menu",
  };
  renderSession([...underWay, next as AnyEvent], () => <Panel />);
  expect(screen.getByText("Thinking…")).toBeTruthy();
  expect(screen.getByText("Perhaps the menu")).toBeTruthy();
});

it("says what a step took beside it, and in full when it is opened", () => {
  const spent = { seq: underWay.length + 1, at: 1, session: "s-fixture", type: "agent:spent", agent: "a1", task: "t1", step: 4 };
  const spending = { model: "vendor:model", input: 1200, cached: 800, output: 34, dollars: 0.0042 };
  const next = [
    { ...spent, spending },
    { ...spent, seq: spent.seq + 1, spending: { ...spending, dollars: null } },
    { ...thinking, seq: spent.seq + 2, step: 4, says: "Clicked on it" },
    { ...spent, seq: spent.seq + 3, step: 5, spending: { ...spending, dollars: null } },
  ];
  renderSession([...underWay, ...(next as AnyEvent[])], () => <Panel />);
  const costs = screen.getAllByTestId("step-cost");
  expect(costs.map((cost) => cost.textContent)).toEqual(["2.5k tokens, price · $0.0042+", "1.2k tokens, price · unknown"]);
  fireEvent.click(screen.getByRole("button", { name: /Clicked on it/ }));
  expect(screen.getByText("vendor:model: 1.2k tokens in (800 of them cached), 34 out, price unknown")).toBeTruthy();
});

it("draws only the rows on screen, however many there are", () => {
  const many = [...underWay];
  for (let step = 4; step < 10_004; step++) many.push({ ...thinking, seq: many.length + 1, step, says: `Step ${step}` });
  const { store } = renderSession(many, () => <Panel />);
  expect(store.getState().logs.a1?.rows.length).toBeGreaterThan(10_000);
  expect(screen.getAllByTestId("thinking-row").length).toBeLessThan(80);
});

it("shows the end of a long log while what was before is on its way", () => {
  const store = createSessionStore(thinking.session);
  const from = underWay.indexOf(thinking);
  store.begin({ board: foldAll(underWay.slice(0, from)), events: underWay.slice(from) });
  const { rerender } = render(
    <SessionContext value={store}>
      <Panel />
    </SessionContext>,
  );
  const steps = () => screen.getAllByTestId("thinking-row").map((row) => row.dataset.step);
  expect(steps()).not.toContain(undefined);
  expect(screen.getAllByRole("listitem")[0]?.getAttribute("aria-setsize")).toBe("-1");
  act(() => store.recall(underWay.slice(0, from)));
  expect(steps()).toEqual(["1", "3", "2"]);
  const items = screen.getAllByRole("listitem");
  expect(items[0]?.getAttribute("aria-setsize")).toBe(String(items.length));

  const bare = createSessionStore(thinking.session);
  bare.begin({ board: foldAll(underWay), events: [] });
  rerender(
    <SessionContext value={bare}>
      <Panel />
    </SessionContext>,
  );
  expect(screen.getByText("Loading the log…")).toBeTruthy();
});

it("shows what was said as text, never as markup", () => {
  const said = { ...thinking, seq: underWay.length + 1, step: 9, says: "<img src=x onerror=alert(1)>" };
  const { container } = renderSession([...underWay, said], () => <Panel />);
  expect(screen.getByText("<img src=x onerror=alert(1)>")).toBeTruthy();
  expect(container.querySelector("img[src=x]")).toBeNull();
});
