// The `ruth` command.
import { Command } from 'commander';
import { addCameraCommand } from './commands/camera.ts';
import { addConformanceCommand } from './commands/conformance.ts';
import { addContainerCommand } from './commands/container.ts';
import { addDemoCommand } from './commands/demo.ts';
import { addModelCommand } from './commands/model.ts';
import { addRulesCommand } from './commands/rules.ts';
import { addUpCommand } from './commands/up.ts';
import { addVerifyCommand } from './commands/verify.ts';

// A camera URL among the arguments may hold a password: take the arguments out of the process list at once.
process.title = 'ruth';

const program = new Command('ruth')
  .description('Ruth: IP cameras become recordings, live video and AI events')
  .version('0.1.0')
  .showHelpAfterError();
addUpCommand(program);
addDemoCommand(program);
addCameraCommand(program);
addModelCommand(program);
addRulesCommand(program);
addContainerCommand(program);
addVerifyCommand(program);
addConformanceCommand(program);
await program.parseAsync();
