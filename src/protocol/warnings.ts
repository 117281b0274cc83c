import type { GenericSchema } from "valibot";
import { type UnknownField, unknownFields } from "./unknown-fields.ts";

/** Every way a request can be answered as it was meant and still look like a mistake. */
export const warningKinds = {
  UNKNOWN_FIELD: "a member of the request, or a field of its parameters, that nothing knows: it was ignored",
  NO_NODES: "a task was registered without nodes, so nobody will ever get work from it",
  NAME_IN_USE: "another ACTIVE task has the name; where a name must stand for one task, the newest is taken",
} as const satisfies Record<string, string>;

export type WarningKind = keyof typeof warningKinds;

/** One entry of `warnings`. A program switches on `kind`; what else there is depends on that. */
export interface Warning {
  kind: WarningKind;
  message: string;
  /** Of an unknown field: where it stands, such as `params.goall`. */
  path?: string;
  did_you_mean?: string;
  /** Of a name in use: the other tasks that have it, newest first. */
  task_ids?: string[];
}

/** Members of a request that stand beside `params`. */
export const requestMembers: ReadonlySet<string> = new Set([
  "id",
  "method",
  "params",
  "idempotency_key",
  "strict",
  // Said by every JSON-RPC library, and by nobody by mistake.
  "jsonrpc",
]);

/** Members that are also written into `params` by mistake. */
const misplaced: ReadonlySet<string> = new Set(["idempotency_key", "strict"]);

/**
 * A warning for each member of a request, and each field of its parameters, that was ignored. `written` gives a
 * parameter's path as the client wrote it.
 */
export function ignoredFields(
  unknownMembers: readonly UnknownField[],
  { name, params, otherNames }: { name: string; params: GenericSchema; otherNames: readonly string[] },
  given: unknown,
  written: (path: string) => string,
): Warning[] {
  const inParams = unknownFields(params, given, otherNames);
  const many = inParams.areAllCounted ? "" : "at least ";
  const more = inParams.count - inParams.told.length;
  return [
    ...unknownMembers.map((member) => ignored(member.name, "no member of a request", member.meant)),
    ...inParams.told.map((field) => {
      const path = ["params", ...(field.place === "" ? [] : [written(field.place)]), field.name].join(".");
      const isMisplaced = field.place === "" && misplaced.has(field.name);
      if (isMisplaced) return ignored(path, "a member of the request, beside params", undefined);
      const isGivenTwice = field.place === "" && otherNames.includes(field.name);
      if (isGivenTwice) return ignored(path, "another name of a field that is given, too", undefined);
      return ignored(path, `no field of ${name}`, field.meant);
    }),
    ...(more === 0 ? [] : [{ kind: "UNKNOWN_FIELD", message: `${many}${more} more fields are unknown` } as const]),
  ];
}

/** A warning for what stands in the place of parameters, told in words, and is no object, where the original took anything. */
export function ignoredParams(name: string, given: string): Warning {
  return ignored("params", `${given}, and ${name} takes an object or nothing`, undefined);
}

function ignored(path: string, what: string, meant: string | undefined): Warning {
  const hint = meant === undefined ? "" : ` (did you mean ${meant}?)`;
  const message = `${path} is ${what}${hint}`;
  return { kind: "UNKNOWN_FIELD", message, path, ...(meant === undefined ? {} : { did_you_mean: meant }) };
}
