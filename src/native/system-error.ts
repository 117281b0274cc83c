/** What the system said in refusing something about a file, such as `permission denied`; null for any other error. */
export function systemReason(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error) || !("syscall" in error)) return null;
  return /^E[A-Z0-9]+: ([^,]+)/.exec(error.message)?.[1] ?? String(error.code);
}

/** For `catch`: null where nothing stands at a path. */
export function nullIfMissing(cause: unknown): null {
  if (["ENOENT", "ENOTDIR"].includes(systemCode(cause))) return null;
  throw cause;
}

/** The error code the system gave, such as `ENOENT`; empty for any other error. */
export function systemCode(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}
