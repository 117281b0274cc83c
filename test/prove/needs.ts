/** Whether programs a test needs are not there. Where everything should be, the test runs and fails instead. */
export function lacks(what: string, ...programs: string[]): boolean {
  const missing = programs.filter((program) => Bun.which(program) === null);
  if (process.platform !== "linux") missing.push("Linux");
  if (missing.length === 0 || process.env.CI === "true") return false;
  process.stderr.write(`SKIPPED: ${what}, because ${missing.join(" and ")} is not there\n`);
  return true;
}
