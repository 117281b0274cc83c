import type { Refusal } from "../../core/decision.ts";
import type { Request } from "../../protocol/envelope.ts";
import type { MethodName } from "../../protocol/methods.ts";
import type { Warning } from "../../protocol/warnings.ts";

/** A request whose method is known and whose parameters fit. */
export interface Call {
  request: Request;
  name: MethodName;
  mutates: boolean;
  params: unknown;
  /** Why it is refused whatever the state is; its parameters are not read then. */
  refusal: Refusal<"LIMIT_EXCEEDED"> | null;
  /** What of it was ignored. */
  warnings: readonly Warning[];
}

/** An answer as JSON text, without its id: `{"result":…}` or `{"error":…}`. */
export type Answer = string;
