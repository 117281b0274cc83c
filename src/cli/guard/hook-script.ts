import { type GitHook, hookTools } from "./hook-tools.ts";
import { plainPath, runAgentd, shellWord } from "./shell.ts";

/** What follows the name of a hook that was there before ours. */
export const earlierSuffix = ".before-agentd";

/** Whether a file's name is that of a hook which ran before, under the hook's own name or the one a tool gave it. */
export function isEarlierHook(name: string, hook: GitHook): boolean {
  return name.startsWith(`${hook}.`) && name.endsWith(earlierSuffix);
}

const mark = "# agentd guard: ";
const programMark = "# runs: ";

/**
 * The text of a hook, in plain sh. The hook that was there before, beside it as `HOOK.before-agentd`, runs first: it may
 * change what is committed, and what was checked is to be what is committed. A shell script among them is sourced by its
 * own shell under the name it always had, since such hooks find their own files, and even their task, by `$0`.
 *
 * A tool may rename this hook, take its place and run it as the hook that was there before. The tool may also be the
 * hook that this one runs first. So under another name than git's this hook does nothing while another one waits for it,
 * and does not run the tool that is running it.
 */
export function hookScript(hook: GitHook, program: readonly string[]): string {
  const standardInput = hook === "pre-push";
  const ask = `guard git-hook ${hook} -- "$@"`;
  return `#!/bin/sh
${mark}${hook}
${programMark}${JSON.stringify(program)}
# Refuses what changes files that others have locked; \`agentd guard uninstall\` takes it out again.
# The hook that was here before is ${hook}${earlierSuffix}, and runs first.

directory=\${0%/*}
here="${hook}:$(cd -- "$directory" 2>/dev/null && pwd -P)"

by_same_tool() {
  cmp -s "$1" "$2" && return
  for generated in ${generatedMarks}; do
    grep -qF -e "$generated" "$1" 2>/dev/null && grep -qF -e "$generated" "$2" 2>/dev/null && return
  done
  return 1
}

# Git runs it by its own name; by another one, whoever has taken its place does.
runner=
[ "\${0##*/}" = ${hook} ] || runner=$directory/${hook}
if [ -n "$runner" ] && [ "$AGENTD_GUARD_AROUND" = "$here" ]; then
  ${standardInput ? "cat >/dev/null" : ":"}
  exit 0
fi

is_to_run() {
  [ -x "$1" ] || return
  [ -z "$runner" ] || ! by_same_tool "$1" "$runner"
}

run_earlier() {
  AGENTD_GUARD_AROUND=$here
  export AGENTD_GUARD_AROUND
  line=
  second=
  { IFS= read -r line && IFS= read -r second; } <"$earlier" 2>/dev/null
  case $second in '${mark}'*) return 0 ;; esac
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
${(standardInput ? inputKept : inputPassed).replaceAll("HOOK", hook)}
status=$?
if [ $status -ge 126 ] && [ $status -le 127 ]; then
  [ "$AGENTD_GUARD" = off ] && exit 0
  echo "${noAgentd(program)}" >&2
fi
exit $status
`;
}

const generatedMarks = hookTools.flatMap(({ generated, mark: text }) => (generated ? [shellWord(text)] : [])).join(" ");

function noAgentd([executable = ""]: readonly string[]): string {
  return (
    `agentd: could not check whether others hold files this changes, so it is refused: ${plainPath(executable)} is missing, ` +
    "and so is agentd in PATH. Install it again, or set AGENTD_GUARD=off to pass the guard."
  );
}

const inputPassed = `
for earlier in "$directory"/HOOK.*${earlierSuffix.slice(1)}; do
  is_to_run "$earlier" || continue
  (run_earlier "$@") || exit
done
ask_agentd "$@"`;

/** All read all of it. The added character keeps the last line's end, which \`$(…)\` would drop. */
const inputKept = `
input=$(cat; echo .)
input=\${input%.}
for earlier in "$directory"/HOOK.*${earlierSuffix.slice(1)}; do
  is_to_run "$earlier" || continue
  printf '%s' "$input" 2>/dev/null | (run_earlier "$@") || exit
done
printf '%s' "$input" | ask_agentd "$@"`;

/** What a hook of ours says about itself: what it guards and the program it runs; null for any other file. */
export function readHookScript(text: string): { hook: string; program: readonly string[] } | null {
  const [, second = "", third = ""] = text.split("\n", 3);
  if (!second.startsWith(mark) || !third.startsWith(programMark)) return null;
  const hook = second.slice(mark.length);
  try {
    const program: unknown = JSON.parse(third.slice(programMark.length));
    return { hook, program: Array.isArray(program) ? program.map(String) : [] };
  } catch {
    return { hook, program: [] };
  }
}
