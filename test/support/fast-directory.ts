import { existsSync } from "node:fs";
import { tmpdir } from "node:os";

/** Where files are made that need not outlive the machine: no disk that stalls decides how a test ends. */
export const fastDirectory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
