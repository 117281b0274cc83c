import { expect } from "bun:test";

/** Compares `text` with the file kept at `path`; `UPDATE_GOLDEN=1 bun test` keeps the new text instead. */
export async function checkGolden(path: string, text: string): Promise<void> {
  if (process.env.UPDATE_GOLDEN === "1") await Bun.write(path, text);
  const kept = Bun.file(path);
  expect(text).toBe((await kept.exists()) ? await kept.text() : "");
}
