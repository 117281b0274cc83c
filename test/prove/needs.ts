import { isUsable } from "../../scripts/programs.ts";

/** Whether programs a test needs cannot be used here. Where everything should be, the test runs and fails instead. */
export function lacks(what: string, ...programs: string[]): boolean {
  const missing = programs.filter((program) => !isUsable(program));
  if (process.platform !== "linux") missing.push("Linux");
  if (missing.length === 0 || process.env.CI === "true") return false;
  process.stderr.write(`SKIPPED: ${what}, because ${missing.join(" and ")} is not there\n`);
  return true;
}
