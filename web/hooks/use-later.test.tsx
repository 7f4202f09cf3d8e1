import { render, screen } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { Later, useLater } from "./use-later";

const Hello = ({ name }: { name: string }) => <p>Hello, {name}</p>;

function Shown({ later }: { later: Later<{ name: string }> }) {
  const Component = useLater(later);
  return Component ? <Component name="Ada" /> : <p>Waiting</p>;
}

it("shows a component when it has come, and at once when it is there already", async () => {
  const load = vi.fn(async () => Hello);
  const later = new Later(load);
  const first = render(<Shown later={later} />);
  expect(screen.getByText("Waiting")).toBeTruthy();
  expect(await screen.findByText("Hello, Ada")).toBeTruthy();
  first.unmount();
  render(<Shown later={later} />);
  expect(screen.getByText("Hello, Ada")).toBeTruthy();
  expect(load).toHaveBeenCalledTimes(1);
});

it("asks again the next time for what could not be fetched", async () => {
  const load = vi.fn(async () => Hello).mockRejectedValueOnce(new Error("no network"));
  const later = new Later(load);
  const first = render(<Shown later={later} />);
  await later.fetch();
  expect(screen.getByText("Waiting")).toBeTruthy();
  first.unmount();
  render(<Shown later={later} />);
  expect(await screen.findByText("Hello, Ada")).toBeTruthy();
});
