// Filters of system calls for all threads of this process, for good: no other process is looked into; where wanted, no sockets but Unix
// sockets are made, and no programs are started. Source of numbers and layouts: the kernel's uapi headers (filter.h, seccomp.h).
import koffi from 'koffi';
import { RuthError } from '@ruth/protocol/base';
import { setNoNewPrivileges } from './landlock.ts';

interface Calls { readonly audit: number; readonly seccomp: number; readonly socket: number; readonly programs: readonly number[]; readonly others: readonly number[] }

/** Programs: execve, execveat. Others: ptrace, process_vm_readv and _writev, unshare, setns, pidfd_getfd, and io_uring_setup, which would get round a filter. */
const CALLS: Readonly<Partial<Record<NodeJS.Architecture, Calls>>> = {
  x64: { audit: 0xc000003e, seccomp: 317, socket: 41, programs: [59, 322], others: [101, 310, 311, 272, 308, 438, 425] },
  arm64: { audit: 0xc00000b7, seccomp: 277, socket: 198, programs: [221, 281], others: [117, 270, 271, 97, 268, 438, 425] },
};
const LOAD = 0x20, JUMP_EQUAL = 0x15, JUMP_AT_LEAST = 0x35, RETURN = 0x06;
const AT_CALL = 0, AT_ARCHITECTURE = 4, AT_FIRST_ARGUMENT = 16;
const ALLOW = 0x7fff0000, REFUSE = 0x00050000 | 13;
const AF_UNIX = 1;
/** Calls of the x32 interface, which have numbers of their own. */
const X32 = 0x40000000;
const SET_MODE_FILTER = 1, FOR_ALL_THREADS = 1;

const libc = koffi.load(null);
koffi.struct('SeccompProgram', { length: 'uint16', filter: 'void *' });
const install = libc.func('long syscall(long number, uint operation, uint flags, SeccompProgram *program)') as (number: number, operation: number, flags: number, program: object) => number;

/** Call it before `exec`, for rings of io_uring that are there go on. Returns what cannot be had here, in words. Throws `internal` where the kernel refuses. */
export function restrictCalls({ onlyUnixSockets }: { onlyUnixSockets: boolean }): string[] {
  return restrict((calls) => filterOf(calls, calls.others, onlyUnixSockets));
}

/** No program takes the place of this one, or is started by it, from now on. As `restrictCalls`. */
export function refusePrograms(): string[] {
  return restrict((calls) => filterOf(calls, calls.programs, false));
}

function restrict(make: (calls: Calls) => Buffer): string[] {
  const calls = CALLS[process.arch];
  if (!calls) return [`system calls: no filter for ${process.arch}`];
  setNoNewPrivileges();
  const filter = make(calls);
  const result = install(calls.seccomp, SET_MODE_FILTER, FOR_ALL_THREADS, { length: filter.length / 8, filter });
  if (result === 0) return [];
  const { ENOSYS, EINVAL } = koffi.os.errno;
  if (result < 0 && (koffi.errno() === ENOSYS || koffi.errno() === EINVAL)) return ['system calls: this kernel has no seccomp'];
  throw new RuthError('internal', result > 0 ? `seccomp: thread ${result} has another filter` : `seccomp failed: errno ${koffi.errno()}`);
}

/** Instructions of 8 bytes: code, jumps where true and where false, a number. */
function filterOf({ audit, socket }: Calls, refused: readonly number[], onlyUnixSockets: boolean): Buffer {
  const instructions: [code: number, ifTrue: number, ifFalse: number, value: number][] = [
    [LOAD, 0, 0, AT_ARCHITECTURE], [JUMP_EQUAL, 1, 0, audit], [RETURN, 0, 0, REFUSE],
    [LOAD, 0, 0, AT_CALL], [JUMP_AT_LEAST, 0, 1, X32], [RETURN, 0, 0, REFUSE],
    ...refused.flatMap((call): [number, number, number, number][] => [[JUMP_EQUAL, 0, 1, call], [RETURN, 0, 0, REFUSE]]),
    ...(onlyUnixSockets ? [[JUMP_EQUAL, 0, 3, socket], [LOAD, 0, 0, AT_FIRST_ARGUMENT], [JUMP_EQUAL, 1, 0, AF_UNIX], [RETURN, 0, 0, REFUSE]] satisfies [number, number, number, number][] : []),
    [RETURN, 0, 0, ALLOW],
  ];
  const bytes = Buffer.alloc(instructions.length * 8);
  for (const [index, [code, ifTrue, ifFalse, value]] of instructions.entries()) {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(ifTrue, index * 8 + 2);
    bytes.writeUInt8(ifFalse, index * 8 + 3);
    bytes.writeUInt32LE(value, index * 8 + 4);
  }
  return bytes;
}
