/** Writes the pages of docs that are made from the contract. `--check` writes nothing and fails when one is not what it would be. */
import { journalReference } from "./docs/journal-reference.ts";
import { protocolReference } from "./docs/reference.ts";

const pages = { "protocol.md": protocolReference(), "journal.md": journalReference() };

for (const [name, wanted] of Object.entries(pages)) {
  const path = new URL(`../docs/${name}`, import.meta.url).pathname;
  if (!process.argv.includes("--check")) {
    await Bun.write(path, wanted);
  } else if ((await Bun.file(path).text()) !== wanted) {
    console.error(`docs/${name} is not what src/protocol says; run \`bun run docs\` and commit it`);
    process.exitCode = 1;
  }
}
