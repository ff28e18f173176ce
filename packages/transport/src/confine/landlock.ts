// Landlock (Linux 5.13 and newer): a process gives up all files but those named, and TCP, for itself and all that it starts, without
// any privilege and for good. Source of numbers and layouts: the kernel's include/uapi/linux/landlock.h.
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import koffi from 'koffi';
import { RuthError } from '@ruth/protocol/base';

export interface FileRule {
  /** A file or folder, with all below it. One that is not there is left out. */
  readonly path: string;
  /**
   * `read`: files and lists of folders. `execute`: the same, and to be mapped as a program or library. `write`: files that are there.
   * `sockets`: sockets and links appear in the folder and go from it; nothing in it can be read.
   */
  readonly access: 'read' | 'execute' | 'write' | 'sockets';
}

const EXECUTE = 1n, WRITE_FILE = 1n << 1n, READ_FILE = 1n << 2n, READ_DIR = 1n << 3n, REMOVE_FILE = 1n << 5n, MAKE_SOCK = 1n << 9n, MAKE_SYM = 1n << 12n, TRUNCATE = 1n << 14n, IOCTL_DEV = 1n << 15n;
/** Bits of file accesses that each version of the interface knows. */
const KNOWN_BITS = [0, 13, 14, 15, 15, 16] as const;
const OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;
const ACCESS: Readonly<Record<FileRule['access'], bigint>> = {
  read: READ_FILE | READ_DIR, execute: READ_FILE | READ_DIR | EXECUTE, write: READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | IOCTL_DEV, sockets: READ_DIR | MAKE_SOCK | MAKE_SYM | REMOVE_FILE,
};
const BIND_TCP = 1n, CONNECT_TCP = 2n;
/** Abstract Unix sockets, and signals, of others. */
const SCOPES = 3n;

const CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446;
const RULE_PATH_BENEATH = 1, RULE_NET_PORT = 2;
const ASK_VERSION = 1;
const PR_SET_NO_NEW_PRIVS = 38;
const O_PATH = 0o10000000;

const libc = koffi.load(null);
const createRuleset = libc.func('long syscall(long number, const void *attributes, size_t bytes, uint flags)') as (number: number, attributes: Buffer | null, bytes: number, flags: number) => number;
const addRule = libc.func('long syscall(long number, int ruleset, int type, const void *rule, uint flags)') as (number: number, ruleset: number, type: number, rule: Buffer, flags: number) => number;
const restrictSelf = libc.func('long syscall(long number, int ruleset, uint flags)') as (number: number, ruleset: number, flags: number) => number;
const prctl = libc.func('int prctl(int option, ulong a, ulong b, ulong c, ulong d)') as (option: number, a: number, b: number, c: number, d: number) => number;

/** Version of the interface that this kernel has; 0 where it has none, or has it switched off. */
export function landlockVersion(): number {
  return Math.max(0, createRuleset(CREATE_RULESET, null, 0, ASK_VERSION));
}

/** No program that this thread starts has more rights than it has itself. */
export function setNoNewPrivileges(): void {
  check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 'no_new_privs');
}

/**
 * Confines this thread, and every thread and process that it starts from now on. TCP is closed but for connections to `tcpPorts`; null
 * leaves it as it is. Returns what could not be had from a kernel this old, in words. Throws `internal` where the kernel has Landlock and refuses.
 */
export function restrictFiles(rules: readonly FileRule[], tcpPorts: readonly number[] | null): string[] {
  const version = landlockVersion();
  if (version === 0) return ['files: this kernel has no Landlock'];
  const known = (1n << BigInt(KNOWN_BITS[Math.min(version, KNOWN_BITS.length - 1)]!)) - 1n;
  const closesTcp = version >= 4 && tcpPorts !== null;
  const attributes = Buffer.alloc(version >= 6 ? 24 : version >= 4 ? 16 : 8);
  attributes.writeBigUInt64LE(known, 0);
  if (closesTcp) attributes.writeBigUInt64LE(BIND_TCP | CONNECT_TCP, 8);
  if (version >= 6) attributes.writeBigUInt64LE(SCOPES, 16);
  const ruleset = check(createRuleset(CREATE_RULESET, attributes, attributes.length, 0), 'landlock_create_ruleset');
  try {
    for (const { path, access } of rules) allowPath(ruleset, path, ACCESS[access] & known);
    for (const port of closesTcp ? tcpPorts : []) {
      const rule = Buffer.alloc(16);
      rule.writeBigUInt64LE(CONNECT_TCP, 0);
      rule.writeBigUInt64LE(BigInt(port), 8);
      check(addRule(ADD_RULE, ruleset, RULE_NET_PORT, rule, 0), `landlock_add_rule for TCP port ${port}`);
    }
    setNoNewPrivileges();
    check(restrictSelf(RESTRICT_SELF, ruleset, 0), 'landlock_restrict_self');
  } finally {
    closeSync(ruleset);
  }
  return [
    ...(version < 4 && tcpPorts !== null ? ['TCP: this kernel\'s Landlock does not know it'] : []),
    ...(version < 6 ? ['signals and abstract sockets: this kernel\'s Landlock does not know them'] : []),
  ];
}

function allowPath(ruleset: number, path: string, access: bigint): void {
  let fd: number;
  try {
    fd = openSync(path, O_PATH | constants.O_RDONLY);
  } catch {
    return;
  }
  try {
    const rule = Buffer.alloc(12);
    rule.writeBigUInt64LE(fstatSync(fd).isDirectory() ? access : access & OF_FILES, 0);
    rule.writeInt32LE(fd, 8);
    check(addRule(ADD_RULE, ruleset, RULE_PATH_BENEATH, rule, 0), `landlock_add_rule for ${path}`);
  } finally {
    closeSync(fd);
  }
}

function check(result: number, what: string): number {
  if (result < 0) throw new RuthError('internal', `${what} failed: ${Object.entries(koffi.os.errno).find(([, value]) => value === koffi.errno())?.[0] ?? koffi.errno()}`);
  return result;
}
