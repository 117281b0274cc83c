/** A word as sh reads it back, whatever it holds. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/**
 * A command that runs agentd: by the path it was installed with, else by PATH. Its status is agentd's, and 127 when there is
 * none.
 */
export function runAgentd(program: readonly string[], rest: string): string {
  const [executable = ""] = program;
  return [
    `if [ -x ${shellWord(executable)} ]; then ${program.map(shellWord).join(" ")} ${rest};`,
    `elif command -v agentd >/dev/null 2>&1; then agentd ${rest}; else (exit 127); fi`,
  ].join(" ");
}

/** A path for people, in a text that stands between quotes of either kind in scripts and JSON. */
export function plainPath(path: string): string {
  return path.replaceAll(/["'$`\\\p{Cc}]/gu, "?");
}
