/**
 * A value that cannot be missing. That it is missing is a bug: it is thrown, never counted on as 0; `what` says which value,
 * and `id` of what. They are put together only then.
 */
export function present<T>(value: T | null | undefined, what: string, id = ""): T {
  if (value === null || value === undefined) throw new Error(`${`${what} ${id}`.trim()} is missing, which cannot be`);
  return value;
}
