import { dlopen, FFIType, type Pointer, ptr, read } from "bun:ffi";

/* The only native calls of agentd: what neither Bun nor Node offers. */

/** What the C library is called. */
export const candidates =
  process.platform === "darwin"
    ? ["libSystem.B.dylib"]
    : ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`, "libc.so"];

const { int, pointer } = { int: FFIType.i32, pointer: FFIType.ptr };

function open() {
  for (const library of candidates) {
    try {
      const calls =
        process.platform === "darwin"
          ? { getpeereid: { args: [int, pointer, pointer], returns: int }, __error: { args: [], returns: pointer } }
          : {
              __errno_location: { args: [], returns: pointer },
              poll: { args: [pointer, FFIType.u64, int], returns: int },
            };
      const everywhere = {
        flock: { args: [int, int], returns: int },
        getsockopt: { args: [int, int, int, pointer, pointer], returns: int },
        dup2: { args: [int, int], returns: int },
        setenv: { args: [pointer, pointer, int], returns: int },
        _exit: { args: [int], returns: FFIType.void },
      };
      return dlopen(library, { ...everywhere, ...calls }).symbols;
    } catch {
      // The next name may be this system's.
    }
  }
  throw new Error(`no C library was found on this system (tried ${candidates.join(", ")})`);
}

let symbols: ReturnType<typeof open> | undefined;

const libc = () => (symbols ??= open());

/** Bun gives a socket's descriptor at run time; its types do not say so. A test opens a socket and checks it. */
export function fdOf(socket: object): number {
  return (socket as { fd: number }).fd;
}

const LOCK_EX = 2;
const LOCK_NB = 4;
const EWOULDBLOCK = process.platform === "darwin" ? 35 : 11;

/** Takes an exclusive lock on an open file, held until the process ends however it ends; false when another has it. */
export function tryLockFile(fd: number): boolean {
  return lockFile(fd) === "taken";
}

/** The same, and whether another process has it or the file system has no such locks, as some have none of directories. */
export function lockFile(fd: number): "taken" | "held" | "unsupported" {
  if (libc().flock(fd, LOCK_EX | LOCK_NB) === 0) return "taken";
  return errno() === EWOULDBLOCK ? "held" : "unsupported";
}

function errno(): number {
  const calls = libc();
  const where = "getpeereid" in calls ? calls.__error : calls.__errno_location;
  const at = where?.() ?? null;
  return at === null ? 0 : read.i32(at as Pointer);
}

/** Lets what is written to standard error go to an open file from here on. */
export function redirectStderr(fd: number): void {
  libc().dup2(fd, 2);
}

/** Sets a variable for what reads the process's own environment, such as the runtime; `process.env` is a copy of it. */
function setEnvironment(name: string, value: string): void {
  libc().setenv(ptr(Buffer.from(`${name}\0`)), ptr(Buffer.from(`${value}\0`)), 1);
}

/**
 * Ends the process as it stands. `process.exit` would first fold the log of every database that is still open into its
 * file and empty it, and what was left open is to be left alone.
 */
export function exitNow(status: number): never {
  libc()._exit(status);
  throw new Error("unreachable: _exit does not return");
}

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

/** Process, user and group at the other end of a Unix socket, as Linux tells them; null when it does not. */
function peerCredentials(fd: number): Uint32Array | null {
  const calls = libc();
  if ("getpeereid" in calls) return null;
  const credentials = new Uint32Array(3);
  const length = new Uint32Array([credentials.byteLength]);
  return calls.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ptr(credentials), ptr(length)) === 0 ? credentials : null;
}

/** The user id of the process at the other end of a Unix socket; null when the system does not tell. */
export function peerUid(fd: number): number | null {
  const calls = libc();
  if (!("getpeereid" in calls)) return peerCredentials(fd)?.[1] ?? null;
  const uid = new Uint32Array(1);
  const gid = new Uint32Array(1);
  return calls.getpeereid(fd, ptr(uid), ptr(gid)) === 0 ? (uid[0] ?? null) : null;
}

const SOL_LOCAL = 0;
const LOCAL_PEERPID = 2;

/**
 * The process that listens at the other end of a connected Unix socket, by the number it has for this process; null where
 * it has none, as in another PID namespace.
 */
export function peerPid(fd: number): number | null {
  const pid = "getpeereid" in libc() ? localPeerPid(fd) : peerCredentials(fd)?.[0];
  return pid === undefined || pid === 0 ? null : pid;
}

function localPeerPid(fd: number): number | undefined {
  const pid = new Uint32Array(1);
  const length = new Uint32Array([pid.byteLength]);
  return libc().getsockopt(fd, SOL_LOCAL, LOCAL_PEERPID, ptr(pid), ptr(length)) === 0 ? pid[0] : undefined;
}

const POLLERR = 0x08;
const POLLHUP = 0x10;

/**
 * Whether the process at the other end of a Unix socket has closed it whole, and not only ended its own side. False
 * where the system does not tell the two apart.
 */
export function isHungUp(fd: number): boolean {
  const calls = libc();
  if (!("poll" in calls)) return false;
  // struct pollfd { int fd; short events; short revents; }
  const request = new Int32Array([fd, 0]);
  calls.poll(ptr(request), 1, 0);
  return (new DataView(request.buffer).getInt16(6, true) & (POLLERR | POLLHUP)) !== 0;
}

/**
 * Threads for questions to the file system that may hang. By default there are as many as processors, and a path that
 * hangs on each would leave the process none for any other.
 */
export const fileThreads = 16;

/** Has Bun use so many. To be called before the first such question, which starts them. */
export function provideFileThreads(): void {
  setEnvironment("UV_THREADPOOL_SIZE", String(fileThreads));
}
