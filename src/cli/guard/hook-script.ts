import type { GitHook } from "./hook-names.ts";
import { plainPath, runAgentd } from "./shell.ts";

/** What follows the name of a hook that was there before ours. */
export const earlierSuffix = ".before-agentd";

const mark = "# agentd guard: ";
const programMark = "# runs: ";

/**
 * The text of a hook, in plain sh. The hook that was there before, beside it as `HOOK.before-agentd`, runs first: it may
 * change what is committed, and what was checked is to be what is committed. A shell script among them is sourced by its
 * own shell under the name it always had, since such hooks find their own files, and even their task, by `$0`.
 */
export function hookScript(hook: GitHook, program: readonly string[]): string {
  const standardInput = hook === "pre-push";
  const ask = `guard git-hook ${hook} -- "$@"`;
  return `#!/bin/sh
${mark}${hook}
${programMark}${JSON.stringify(program)}
# Refuses what changes files that others have locked; \`agentd guard uninstall\` takes it out again.
# The hook that was here before is ${hook}${earlierSuffix}, and runs first.

earlier=\${0%/*}/${hook}${earlierSuffix}

run_earlier() {
  line=
  IFS= read -r line <"$earlier" 2>/dev/null
  case $line in
    '#!'*) set -f; shell=\${line#??} ;;
    *) shell= ;;
  esac
  case " $shell " in
    *[/\\ ]sh\\ * | *[/\\ ]bash\\ * | *[/\\ ]dash\\ * | *[/\\ ]ksh\\ * | *[/\\ ]zsh\\ *)
      $shell -c 'agentd_earlier=$1; shift; . "$agentd_earlier"' "$0" "$earlier" "$@" ;;
    *) "$earlier" "$@" ;;
  esac
}

ask_agentd() {
  ${runAgentd(program, ask)}
}
${standardInput ? inputKept : inputPassed}
status=$?
if [ $status -ge 126 ] && [ $status -le 127 ]; then
  [ "$AGENTD_GUARD" = off ] && exit 0
  echo "${noAgentd(program)}" >&2
fi
exit $status
`;
}

function noAgentd([executable = ""]: readonly string[]): string {
  return (
    `agentd: could not check whether others hold files this changes, so it is refused: ${plainPath(executable)} is missing, ` +
    "and so is agentd in PATH. Install it again, or set AGENTD_GUARD=off to pass the guard."
  );
}

const inputPassed = `
if [ -x "$earlier" ]; then
  (run_earlier "$@") || exit
fi
ask_agentd "$@"`;

/** Both read all of it. The added character keeps the last line's end, which \`$(…)\` would drop. */
const inputKept = `
input=$(cat; echo .)
input=\${input%.}
if [ -x "$earlier" ]; then
  printf '%s' "$input" 2>/dev/null | (run_earlier "$@") || exit
fi
printf '%s' "$input" | ask_agentd "$@"`;

/** What a hook of ours says about itself: the program it runs; null for any other file. */
export function readHookScript(text: string): { program: readonly string[] } | null {
  const [, second = "", third = ""] = text.split("\n", 3);
  if (!second.startsWith(mark) || !third.startsWith(programMark)) return null;
  try {
    const program: unknown = JSON.parse(third.slice(programMark.length));
    return Array.isArray(program) ? { program: program.map(String) } : { program: [] };
  } catch {
    return { program: [] };
  }
}
