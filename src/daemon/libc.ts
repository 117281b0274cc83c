import { dlopen, FFIType, ptr } from "bun:ffi";

/* The only native calls of agentd: what neither Bun nor Node offers. */

const candidates =
  process.platform === "darwin"
    ? ["libSystem.B.dylib"]
    : ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`, "libc.so"];

const { int, pointer } = { int: FFIType.i32, pointer: FFIType.ptr };

function open() {
  for (const library of candidates) {
    try {
      const calls =
        process.platform === "darwin"
          ? { getpeereid: { args: [int, pointer, pointer], returns: int } }
          : { getsockopt: { args: [int, int, int, pointer, pointer], returns: int } };
      return dlopen(library, { flock: { args: [int, int], returns: int }, ...calls }).symbols;
    } catch {
      // The next name may be this system's.
    }
  }
  throw new Error(`agentd finds no C library on this system (tried ${candidates.join(", ")})`);
}

let symbols: ReturnType<typeof open> | undefined;

const libc = () => (symbols ??= open());

const LOCK_EX = 2;
const LOCK_NB = 4;

/** Takes an exclusive lock on an open file, held until the process ends however it ends; false when another has it. */
export function tryLockFile(fd: number): boolean {
  return libc().flock(fd, LOCK_EX | LOCK_NB) === 0;
}

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

/** The user id of the process at the other end of a Unix socket; null when the system does not tell. */
export function peerUid(fd: number): number | null {
  const calls = libc();
  if ("getpeereid" in calls) {
    const uid = new Uint32Array(1);
    const gid = new Uint32Array(1);
    return calls.getpeereid(fd, ptr(uid), ptr(gid)) === 0 ? (uid[0] ?? null) : null;
  }
  const credentials = new Uint32Array(3);
  const length = new Uint32Array([credentials.byteLength]);
  const failed = calls.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ptr(credentials), ptr(length)) !== 0;
  return failed ? null : (credentials[1] ?? null);
}
