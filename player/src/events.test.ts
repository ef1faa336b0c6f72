import { describe, expect, it } from "vitest";

import { numbers } from "../tests/support/numbers.js";
import { EventParser, type ServerEvent } from "./events.js";

function read(...pieces: string[]): ServerEvent[] {
  const parser = new EventParser();
  return pieces.flatMap((piece) => parser.feed(piece));
}

describe("a stream of events", () => {
  it("has a name and data, of one line or several", () => {
    expect(read("event: wants\ndata: [1\ndata: ,2]\n\ndata:x\n\n")).toEqual([
      { type: "wants", data: "[1\n,2]" },
      { type: "message", data: "x" },
    ]);
  });

  it("may hold comments, fields that nobody knows, and names without data, which are no events", () => {
    expect(read(": keep\n\nevent: a\n\nother: 1\ndata: b\n\n")).toEqual([{ type: "message", data: "b" }]);
  });

  it("says where to go on, and how soon", () => {
    const parser = new EventParser();
    parser.feed("retry: 250\nid: 17\ndata: a\n\nretry: soon\n");
    expect([parser.last, parser.retry]).toEqual(["17", 250]);
  });

  it("forgets what was half said when it ended", () => {
    const parser = new EventParser();
    parser.feed("event: a\ndata: lost\nda");
    parser.end();
    expect(parser.feed("data: b\n\n")).toEqual([{ type: "message", data: "b" }]);
  });

  it("means the same in any pieces, and with any ends of lines", () => {
    const text = "id: 1\nevent: a\ndata: \u00e9: x\n\n: c\ndata\ndata:  y\n\nretry: 9\ndata: z\n\n";
    const whole = read(text);
    expect(whole).toHaveLength(3);
    for (const seed of Array.from({ length: 300 }, (_, i) => i)) {
      const random = numbers(seed);
      const end = ["\n", "\r\n", "\r"][random(3)] ?? "\n";
      const same = text.replaceAll("\n", end);
      const pieces: string[] = [];
      for (let from = 0; from < same.length;) {
        const to = from + 1 + random(12);
        pieces.push(same.slice(from, to));
        from = to;
      }
      // A lone carriage return ends a line once it is known that no line feed follows.
      expect(read(...pieces, end === "\r" ? ":" : "")).toEqual(whole);
    }
  });
});
