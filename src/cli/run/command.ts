import { Failure } from "../exits.ts";

/**
 * A mistyped command must not fail every node of a task, nor take a lock.
 * @throws {Failure} USAGE
 */
export function checkCommand([name = ""]: readonly string[]): void {
  if (Bun.which(name, { cwd: process.cwd() }) !== null) return;
  throw new Failure("USAGE", `${name} is not a program that can be run; give a path, or a program in PATH`);
}
