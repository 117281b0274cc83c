import { describeStore } from "./conformance.ts";
import { TemporaryStore } from "./temporary.ts";

describeStore("SQLite", () => new TemporaryStore());
