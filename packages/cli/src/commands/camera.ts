// `ruth camera ...`: the cameras of a node, while it runs or not.
import type { Command } from 'commander';
import { addChangeCommands } from './camera/change.ts';
import { addDiscoverCommand } from './camera/discover.ts';
import { addListCommand } from './camera/list.ts';
import { addProbeCommand } from './camera/probe.ts';

export function addCameraCommand(program: Command): void {
  const camera = program.command('camera').description('add, list, remove, probe and find cameras');
  addListCommand(camera);
  addChangeCommands(camera);
  addProbeCommand(camera);
  addDiscoverCommand(camera);
}
