// What the supervisor knows of a process: what to start, and what may be done with it.

export interface ProcessDefinition {
  /** Shown in logs, e.g. `kernel` or `container centernet-coco`. */
  readonly name: string;
  /** The process's `main.ts`. */
  readonly entry: string;
  readonly args: readonly string[];
  /** Written to standard input at each start, then closed. */
  readonly stdin: string | (() => string);
  /** Ruth cannot run at all without it: a mistake that no retry can mend then ends everything. */
  readonly required: boolean;
  /** Understands `--take-over` and `drain`, so that it can be replaced while it serves. */
  readonly replaceable?: boolean;
  /** A process that served and then leaves this many questions, one each second, without an answer hangs and is killed; 30 unless told. */
  readonly hangLimitS?: number;
}
