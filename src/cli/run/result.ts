import { type Json, JsonRefused, parseJson } from "../../protocol/json.ts";
import { limits } from "../../protocol/limits.ts";
import { type Ending, stderrBytesMax, stdoutBytesMax } from "./supervised.ts";

/** The end that is kept of an output that is no result. */
const tailChars = 16_384;

/** What a command that succeeded printed, as the result of its node. */
export interface CommandResult {
  value: Json;
  /** What is to be said where that is not the value it printed. */
  loss: string | null;
}

/** The result is what was printed, where that is one JSON value; else the end of it, with why it is that. */
export function resultOf({ stdout, exit_code }: Ending): CommandResult {
  const read = valueOf(stdout);
  if ("value" in read) return { value: read.value, loss: null };
  const tail = stdout.text.slice(-tailChars).toWellFormed();
  const truncated = stdout.bytes > stdoutBytesMax || tail.length < stdout.text.length;
  const value = { stdout_tail: tail, exit_code, bytes: stdout.bytes, truncated, why: read.why };
  if (stdout.bytes === 0) return { value, loss: null };
  const kept = truncated
    ? `only the last ${tail.length} characters of its output are kept`
    : "its output is kept as text";
  return { value, loss: `${kept}, as it ${read.why} (${stdout.bytes} bytes)` };
}

/** What a command that failed said, as far as that is kept. */
export function errorOf({ stderr }: Ending) {
  const { text, bytes } = stderr;
  return { stderr_tail: text, bytes, truncated: bytes > stderrBytesMax };
}

function valueOf({ text, bytes, isUtf8 }: Ending["stdout"]): { value: Json } | { why: string } {
  if (bytes === 0) return { why: "is empty" };
  if (bytes > stdoutBytesMax) return { why: `is longer than ${stdoutBytesMax} bytes` };
  if (!isUtf8) return { why: "is not UTF-8" };
  try {
    // The request around it is two levels deep.
    return { value: parseJson(text, limits.depthMax - 2) };
  } catch (cause) {
    if (cause instanceof JsonRefused) return { why: `is no JSON value agentd takes: ${cause.message}` };
    throw cause;
  }
}
