// The `ruth` command.
import { join } from 'node:path';
import { Command } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { addCameraCommand } from './commands/camera.ts';
import { addConformanceCommand } from './commands/conformance.ts';
import { addContainerCommand } from './commands/container.ts';
import { addDemoCommand } from './commands/demo.ts';
import { addModelCommand } from './commands/model.ts';
import { addRulesCommand } from './commands/rules.ts';
import { addSiteCommand } from './commands/site.ts';
import { addStatusCommand } from './commands/status.ts';
import { addUpCommand } from './commands/up.ts';
import { addVerifyCommand } from './commands/verify.ts';
import { cacheDirectory } from './demo/cache-directory.ts';

// A camera URL among the arguments may hold a password: take the arguments out of the process list at once.
process.title = 'ruth';
// Stripping types and compiling is a third of what a start of a process costs: what one start has compiled serves the next.
process.env.NODE_COMPILE_CACHE ??= join(cacheDirectory(process.env), 'compiled');

const program = new Command('ruth')
  .description('Ruth: IP cameras become recordings, live video and AI events')
  .version(packageJson.version)
  .showHelpAfterError('(--help shows what can be given)')
  .addHelpText('after', `
Examples:
  $ ruth demo --open                                     a camera of its own, to look around
  $ ruth up --camera rtsp://user:password@192.168.1.20/  a camera of yours, without a file
  $ ruth up -c ruth.yaml                                 a node as ruth.yaml says
  $ ruth camera probe rtsp://192.168.1.20/stream1        what a camera sends, and what to change about it
  $ ruth status                                          how the node here is

Ends with 0 where it did what was asked, with 1 where it could not (verify has three, see its --help). Settings are described in README.md, each key in
packages/protocol/schemas/ruth.schema.json.`);
addUpCommand(program);
addDemoCommand(program);
addStatusCommand(program);
addCameraCommand(program);
addModelCommand(program);
addRulesCommand(program);
addContainerCommand(program);
addVerifyCommand(program);
addSiteCommand(program);
addConformanceCommand(program);
await program.parseAsync();
