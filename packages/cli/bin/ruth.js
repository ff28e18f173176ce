#!/usr/bin/env node
// The `ruth` command. Plain JavaScript, so that a too old Node can still say what is wrong.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(`ruth needs Node 24 or newer, this is ${process.version}. Run it through npm (npm start, npx ruth ...): the project brings Node 24 along.`);
  process.exit(1);
}
await import('../src/main.ts');
