// What set-up says: a line per step that did something, with a tick and seconds. On a terminal a step under way turns;
// where it cannot go on, the ONE command that helps stands last.
import { clearInterval, setInterval } from 'node:timers';

/** A failure that a person can mend: `help` is the one thing to do, `details` the end of what a command said. */
export class SetupError extends Error {
  /** @param {string} message @param {string} help @param {string} [details] */
  constructor(message, help, details = '') {
    super(message);
    this.help = help;
    this.details = details;
  }
}

/** @typedef {(detail: string) => void} Report  what a step is doing at the moment */

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const TURN_MS = 100;
/** Without a terminal a long step says where it is this often. */
const SAY_AGAIN_MS = 30_000;

/** @param {import('node:tty').WriteStream} output */
export function createProgress(output) {
  const live = output.isTTY === true && !process.env.CI;
  const begun = Date.now();
  let worked = false;
  const line = (/** @type {string} */ text) => { output.write(`${live ? '\r\x1b[K' : ''}${text}\n`); };

  return {
    note: line,

    /**
     * Runs a step. It gives null where there was nothing to do, otherwise a few words on what was done.
     * @param {string} title
     * @param {(report: Report) => Promise<string | null>} run
     */
    async step(title, run) {
      const start = Date.now();
      let detail = '';
      let announcedAt = -Infinity;
      let turn = 0;
      const draw = () => {
        const text = `${FRAMES[turn++ % FRAMES.length]} ${title}: ${detail}, ${seconds(start)}`;
        output.write(`\r\x1b[K${text.slice(0, (output.columns || 80) - 1)}`);
      };
      const timer = live ? setInterval(() => { if (detail) draw(); }, TURN_MS) : null;
      try {
        const done = await run((text) => {
          detail = text;
          if (live || Date.now() - announcedAt < SAY_AGAIN_MS) return;
          line(`  ${title}: ${text} ...`);
          announcedAt = Date.now();
        });
        if (done !== null) {
          line(`✓ ${title}: ${done}  ${seconds(start)}`);
          worked = true;
        }
      } catch (error) {
        line(`✗ ${title}  ${seconds(start)}`);
        throw error;
      } finally {
        if (timer) clearInterval(timer);
        if (live) output.write('\r\x1b[K');
      }
    },

    end() {
      line(worked ? `✓ set up  ${seconds(begun)}` : `✓ set up already  ${seconds(begun)}`);
    },

    /** @param {unknown} error */
    fail(error) {
      if (!(error instanceof SetupError)) {
        console.error(error);
        return;
      }
      if (error.details) console.error(`\n${error.details}`);
      console.error(`\nSet-up cannot go on: ${error.message}.\nWhat helps:\n\n  ${error.help}\n`);
    },
  };
}

/** @param {number} start */
function seconds(start) { return `${((Date.now() - start) / 1000).toFixed(1)} s`; }
