/*
 * What the socket code costs alone: the daemon's own server, connections, sessions and turns, over a dispatcher that has
 * no state and gives every request the answer CommitEvent gives. Listens at the path it is told until it is killed.
 */
import { CaseProbe } from "../../src/daemon/case-probe.ts";
import { KeyPlaces } from "../../src/daemon/key-places.ts";
import { createLog, stderrSink } from "../../src/daemon/log.ts";
import { Server } from "../../src/daemon/server.ts";
import type { BadLine, Request } from "../../src/protocol/envelope.ts";
import { readSettings } from "../../src/protocol/settings.ts";
import type { Dispatcher } from "../../src/service/turn/dispatcher.ts";
import { Caches } from "../../src/service/caches.ts";
import { type Recipient, Session } from "../../src/service/turn/sessions.ts";

const settings = readSettings({});
const result = { event_id: "0198f2a1-6c1b-4d53-9f5c-0a3b1c2d3e4f", seq: 1_234_567 };

/** Everything the server asks of a dispatcher. */
class Echo implements Omit<Pick<Dispatcher, keyof Dispatcher>, "openTurn" | "closeTurn"> {
  #ready: Session[] = [];

  connect(recipient: Recipient): Session {
    return new Session(recipient);
  }

  submit(session: Session, request: Request | BadLine, bytes = 0): void {
    session.enqueue(request, bytes);
    this.#ready.push(session);
  }

  turn(): boolean {
    for (const session of this.#ready) {
      const slot = session.next();
      if (slot !== undefined) session.answer(slot, JSON.stringify({ result }));
      session.flush();
    }
    this.#ready = [];
    return false;
  }

  caches = new Caches(() => false);
  msUntilTurn = () => null;
  resume = () => undefined;
  drop = () => false;
  drain = () => undefined;
}

// A class with private members is no interface; the server uses the public ones.
const places = new KeyPlaces({ probe: new CaseProbe("/") });
new Server(new Echo() as unknown as Dispatcher, places, settings, createLog(stderrSink)).listen(Bun.argv[2] ?? "");
console.log("ready");
