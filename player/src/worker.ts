/**
 * The engine in a worker of its own: a page that is busy does not starve it.
 *
 * @module
 */

import { Engine } from "./engine.js";
import type { Command, EngineEvent } from "./messages.js";

const scope = self as unknown as {
  postMessage(message: EngineEvent, transfer?: Transferable[]): void;
  onmessage: ((message: MessageEvent<Command>) => void) | null;
};

const engine = new Engine((event) => {
  scope.postMessage(event, event.type === "attach" ? [event.source] : []);
});
scope.onmessage = ({ data }) => engine.handle(data);
