// `ruth rules ...`: what rules make of a clip, before they are trusted.
import type { Command } from 'commander';
import { addRulesTestCommand } from './rules/test.ts';

export function addRulesCommand(program: Command): void {
  const rules = program.command('rules').description('try rules on a clip');
  addRulesTestCommand(rules);
}
