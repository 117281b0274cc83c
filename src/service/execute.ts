import { isRefusal } from "../core/decision.ts";
import { encodeReply, isErrorAnswer } from "./answer.ts";
import { type AnyPending, type Context, isPending, withBudget } from "./handler.ts";
import { handlers, preparations } from "./handlers.ts";
import { keep, once } from "./idempotency.ts";
import { withKeysPlaced } from "./locks/placing.ts";
import type { Answer, Call } from "./turn/call.ts";

/** Does what is due before the call. */
export function prepareState(call: Call, context: Context): void {
  // Name and parameters are paired as for the handlers.
  const prepare = preparations[call.name] as ((params: unknown, context: Context) => void) | undefined;
  prepare?.(call.params, context);
}

/**
 * Runs one call. What a refused call changed is undone; an idempotency key gives the first answer again.
 * Anything thrown means that nothing of the call was kept.
 */
export function execute(call: Call, context: Context): Answer | AnyPending {
  if (!call.mutates) return run(call, context);
  return once(call, context, () => runUndoable(call, context));
}

/** Asks again for the answer of a call that waits to change state; null while it is still not ready. */
export function executePending(call: Call, pending: AnyPending, last: boolean, context: Context): Answer | null {
  const work = () =>
    context.savepoint(
      () => {
        const ready = pending.resume(withBudget(context), last);
        return ready === null ? null : encodeReply(ready.reply, call, context);
      },
      (made) => made === null || isKept(made),
    );
  const { idempotencyKey: key } = call.request;
  return key === undefined ? work() : keep(key, call, work(), context);
}

/** The answer is made before the change is kept: what cannot be answered is undone. */
function runUndoable(call: Call, context: Context): Answer | AnyPending {
  return context.savepoint(
    () => run(call, context),
    (answer) => isPending(answer) || isKept(answer),
  );
}

const isKept = (answer: Answer): boolean => !isErrorAnswer(answer);

function run(call: Call, context: Context): Answer | AnyPending {
  if (call.refusal !== null) return encodeReply(call.refusal, call, context);
  // The table pairs each name with its schema and its handler; TypeScript cannot follow that pairing through a union.
  const handler = handlers[call.name] as (params: unknown, context: Context) => unknown;
  const params = withKeysPlaced(call.name, call.params, call.request.placements);
  const reply = isRefusal(params) ? params : handler(params, withBudget(context));
  return isPending(reply) ? reply : encodeReply(reply, call, context);
}
