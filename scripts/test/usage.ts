// Loaded before each file of tests where times are asked for: at its end it writes what the file and all it started, and waited for, have used.
import { appendFileSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

process.on('exit', () => {
  // Behind the name, which may hold blanks: utime, stime, and those of the children that ended, are the fields 14 to 17.
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ');
  const cpuS = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
  appendFileSync(process.env.RUTH_TEST_USAGE!, `${JSON.stringify({ file: process.argv[1], cpuS })}\n`);
});
