import type { ParamsInput } from "../../src/protocol/methods.ts";
import { type TestClient, TestService } from "./harness.ts";

export type Mode = "exclusive" | "shared";

/** A service, and clients by name. */
export class Office extends TestService {
  readonly #clients = new Map<string, TestClient>();

  named(name: string): TestClient {
    const client = this.#clients.get(name) ?? this.client();
    this.#clients.set(name, client);
    return client;
  }

  /** Takes keys at once, for an owner of the client's name; the lease, or null. */
  take(name: string, keys: readonly string[], mode: Mode = "exclusive", more: object = {}) {
    return this.named(name).call("AcquireResourceLocks", wish(name, keys, mode, more));
  }

  /** Leaves a request that waits a minute, and runs its turn. */
  wait(name: string, keys: readonly string[], mode: Mode = "exclusive", more: object = {}): void {
    this.named(name).send("AcquireResourceLocks", { ...wish(name, keys, mode, more), wait_ms: 60_000 });
    this.settle();
  }

  /** Who of these has had an answer by now, and which. */
  answered(...names: string[]): string[] {
    return names.flatMap((name) => {
      const answer = this.named(name).answers.shift();
      if (answer === undefined) return [];
      return [
        `${name} ${answer.error === undefined ? (answer.result === null ? "null" : "has it") : answer.error.data.kind}`,
      ];
    });
  }

  release(name: string, lease: { lease_id: string } | null): void {
    this.named(name).call("ReleaseResourceLock", { lease_id: lease?.lease_id ?? "" });
  }
}

export function wish(
  owner: string,
  keys: readonly string[],
  mode: Mode,
  more: object,
): ParamsInput<"AcquireResourceLocks"> {
  return { owner, locks: keys.map((resource_key) => ({ resource_key, mode })), ...more };
}
