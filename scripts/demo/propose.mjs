// What `agentd run` runs for a node of features.yaml: an agent that works in a git work tree of its own and hands in what it
// did as a patch bundle. Its repository is the working directory, the path of agentd is in AGENTD, its name in AGENTD_OWNER.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { AGENTD, AGENTD_OWNER: owner = "" } = process.env;
const { title, confidence, base, edits } = JSON.parse(readFileSync(0, "utf8")).node.payload_schema;
const worktree = join(mkdtempSync(join(tmpdir(), "proposal-")), "work");
const run = (program, words, cwd) => execFileSync(program, words, { cwd, encoding: "utf8" });

// git removes its directory of work trees with the last of them, and another agent's `add` may be about to write there.
const alone = ["lock", "run", "name:git-worktree", "--wait", "60s", "--", "git", "worktree"];

run(AGENTD, [...alone, "add", "--quiet", "--detach", worktree, base]);
try {
  for (const { file, find, replace } of edits) {
    const path = join(worktree, file);
    writeFileSync(
      path,
      readFileSync(path, "utf8").replace(find, () => replace),
    );
  }
  const about = ["--provider", owner.replace(/-\d+$/, ""), "--summary", title, "--confidence", confidence];
  const words = ["bundle", "create", "--base", "HEAD", "--verify", "bun test", ...about];
  const { bundle_id, overlaps } = JSON.parse(run(AGENTD, [...words, "--json"], worktree));
  console.log(JSON.stringify({ bundle_id, meets: overlaps.map(({ relation }) => relation) }));
} finally {
  run(AGENTD, [...alone, "remove", "--force", worktree]);
  rmSync(join(worktree, ".."), { recursive: true });
}
