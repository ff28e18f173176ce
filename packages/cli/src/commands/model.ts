// `ruth model ...`: the models of a node, while it runs or not.
import type { Command } from 'commander';
import { addAddCommand } from './model/add.ts';
import { addListCommand } from './model/list.ts';
import { addRemoveCommands } from './model/remove.ts';
import { addSwapCommands } from './model/swap.ts';
import { addTestCommands } from './model/test.ts';

export function addModelCommand(program: Command): void {
  const model = program.command('model').description('add, list, test, measure, swap and remove models');
  addAddCommand(model);
  addListCommand(model);
  addTestCommands(model);
  addSwapCommands(model);
  addRemoveCommands(model);
}
