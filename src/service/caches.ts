import { BundleContents } from "./bundles/contents.ts";
import { ContextEvents } from "./journal/context-events.ts";
import { type CaseProbe, ResourceKeys } from "./locks/resource-keys.ts";

/** What the daemon has read already: bounded by bytes, and nothing it needs. */
export class Caches {
  readonly keys: ResourceKeys;
  readonly bundles = new BundleContents();
  readonly events = new ContextEvents();

  constructor(ignoresCase: CaseProbe) {
    this.keys = new ResourceKeys(ignoresCase);
  }

  /** What all of it takes, at the most. */
  get bytes(): number {
    return this.keys.bytes + this.bundles.bytes + this.events.bytes;
  }

  /** Gives it back: what was asked for of late may have gone. */
  forget(): void {
    this.keys.forget();
    this.bundles.forget();
    this.events.forget();
  }
}
