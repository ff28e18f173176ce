// What a process gives up before it runs what it does not trust.
export { gpuFiles, replaceStandardInput, startConfined, systemFiles, type Confinement } from './confine.ts';
export type { FileRule } from './landlock.ts';
export { refusePrograms } from './seccomp.ts';
