/** Writes docs/protocol.md from the contract. `--check` writes nothing and fails when the file is not what it would be. */
import { protocolReference } from "../src/protocol/reference.ts";

const path = new URL("../docs/protocol.md", import.meta.url).pathname;
const wanted = protocolReference();

if (!process.argv.includes("--check")) {
  await Bun.write(path, wanted);
} else if ((await Bun.file(path).text()) !== wanted) {
  console.error("docs/protocol.md is not what src/protocol says; run `bun run docs` and commit it");
  process.exit(1);
}
