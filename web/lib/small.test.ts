import { describe, expect, it } from "vitest";
import { explain } from "./api";
import { previewOf } from "./artifacts";
import { parseTable } from "./csv";
import { bytes, callInFull, clock, duration, spending, stepSpending } from "./format";

describe("numbers in words", () => {
  it.each([
    [8.4, "8 s"],
    [125, "2 min 05 s"],
    [3840, "1 h 04 min"],
  ])("%d seconds are %s", (seconds, words) => expect(duration(seconds)).toBe(words));
  it.each([
    [8, "0:08"],
    [725, "12:05"],
    [3849, "1:04:09"],
  ])("a clock shows %d as %s", (seconds, words) => expect(clock(seconds)).toBe(words));
  it.each([
    [999, "999 B"],
    [1500, "1.5 kB"],
    [999_999, "1.0 MB"],
    [25_000_000, "25 MB"],
  ])("%d bytes are %s", (count, words) => expect(bytes(count)).toBe(words));
});

describe("spending is shown in dollars where the price is known", () => {
  const some = { calls: 4, input: 12_000, cached: 8000, output: 500, dollars: 0.421, unpriced: 0 };
  it.each([
    [{ ...some, calls: 0 }, null],
    [some, "$0.42"],
    [{ ...some, dollars: 0.0012 }, "$0.0012"],
    [{ ...some, dollars: 0.00001 }, "<$0.0001"],
    [{ ...some, unpriced: 1 }, "$0.42+"],
    [{ ...some, dollars: 0, unpriced: 4 }, "13k tokens"],
  ])("%j: %s", (spent, words) => expect(spending(spent)).toBe(words));
});

describe("what a step took is said as far as it is known", () => {
  const call = { model: "m", input: 1200, cached: 800, output: 34, dollars: 0.0042 };
  it.each([
    [[], null],
    [[call], { tokens: "1.2k", price: "$0.0042" }],
    [[call, call], { tokens: "2.5k", price: "$0.0084" }],
    [[call, { ...call, dollars: null }], { tokens: "2.5k", price: "$0.0042+" }],
    [[{ ...call, dollars: null }], { tokens: "1.2k", price: "unknown" }],
    [[{ ...call, input: 0, output: 0, dollars: null }], { tokens: "unknown", price: "unknown" }],
  ])("%j", (calls, said) => expect(stepSpending(calls)).toStrictEqual(said));
  it("in full", () => {
    expect(callInFull(call)).toBe("m: 1.2k tokens in (800 of them cached), 34 out, $0.0042");
    expect(callInFull({ ...call, dollars: null })).toContain("price unknown");
  });
});

describe("a table", () => {
  it("keeps commas, quotes and line breaks within quotes", () => {
    expect(parseTable('a,b\r\n"1,\n2","say ""hi"""\n', ",")).toEqual([
      ["a", "b"],
      ["1,\n2", 'say "hi"'],
    ]);
  });
  it("keeps a last line without an end and empty cells", () =>
    expect(parseTable("a\t\n\tb", "\t")).toEqual([
      ["a", ""],
      ["", "b"],
    ]));
  it("stops where it is told", () => expect(parseTable("1\n2\n3\n", ",", 2)).toHaveLength(2));
});

describe("a file is shown as", () => {
  it.each([
    ["a.png", "image/png", "image"],
    ["a.svg", "image/svg+xml", "text"],
    ["a.csv", "application/octet-stream", "table"],
    ["a.html", "text/html; charset=utf-8", "html"],
    ["a.md", "text/markdown", "text"],
    ["a.pdf", "application/pdf", "pdf"],
    ["a.zip", "application/zip", "none"],
  ])("%s (%s): %s", (name, media_type, preview) => expect(previewOf({ name, media_type, bytes: 10 })).toBe(preview));
});

it("a missing token is explained", () => {
  expect(explain({ status: 401, detail: "No token." })).toContain("/?token=TOKEN");
  expect(explain({ status: 404, detail: "No such session." })).toBe("No such session.");
});
