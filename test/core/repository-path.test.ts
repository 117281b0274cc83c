import { describe, expect, test } from "bun:test";
import { isRefusal } from "../../src/core/decision.ts";
import { checkRepositoryPath } from "../../src/core/paths/repository-path.ts";

const outcome = (path: string) => {
  const checked = checkRepositoryPath(path);
  return isRefusal(checked) ? checked.refused : "accepted";
};

describe("a patch may name", () => {
  test.each([
    "a",
    "src/lib.rs",
    ".github/x",
    ".gitignore",
    "a.git",
    "x/.gitattributes",
    "git",
    "a b/ c ",
    "..a",
    "a...",
    "c:d",
    "ünï/文",
    "a\\b",
    "~",
    "-rf",
  ])("%j", (path) => expect(outcome(path)).toBe("accepted"));
});

describe("a patch may not name", () => {
  test.each([
    ["nothing", ""],
    ["NUL", "a\0b"],
    ["half a surrogate pair", "a\ud800"],
    ["what was not UTF-8", "a\ufffd"],
    ["an absolute path", "/etc/passwd"],
    ["an absolute path of Windows", "C:\\x"],
    ["an absolute path of Windows, with slashes", "c:/x"],
    ["a path of a Windows share", "\\\\host\\x"],
    ["a way up", "../x"],
    ["a way up inside", "a/../../x"],
    ["a way up at the end", "a/.."],
    ["a way up for Windows", "a\\..\\..\\x"],
    ["a longer spelling", "./a"],
    ["a doubled slash", "a//b"],
    ["a directory", "a/"],
    [".git", ".git"],
    ["what is in .git", ".git/hooks/post-checkout"],
    [".git of a directory", "vendor/x/.git/config"],
    [".git as a last segment", "a/.git"],
    [".git in capitals", ".GIT/config"],
    [".git in both cases", ".gIt/config"],
    [".git with a dot that NTFS drops", ".git./config"],
    [".git with spaces and dots that NTFS drops", "a/.git . ./config"],
    [".git as a stream of NTFS", ".git::$INDEX_ALLOCATION/config"],
    ["NTFS's short name", "git~1/config"],
    ["NTFS's short name in capitals", "a/GIT~1"],
    ["NTFS's other short name", "git~2/config"],
    [".git behind a backslash", "a\\.git\\config"],
    [".git with a character HFS+ ignores", ".g\u200cit/config"],
    [".git with a mark HFS+ ignores", "a/\ufeff.git"],
    [".git with many that HFS+ ignores", ".\u206ag\u202ei\u200dt\u200e/config"],
  ])("%s", (_, path) => expect(outcome(path)).toBe("INVALID_PARAMS"));

  test.each([
    ["more characters than a system takes", "x".repeat(4_097)],
    ["more directories than anybody has", `${"d/".repeat(64)}x`],
  ])("%s", (_, path) => expect(outcome(path)).toBe("LIMIT_EXCEEDED"));
});
