#!/usr/bin/env node
// Makes a clone ready: packages, Node 24, model weights, the page; with --for-demo also the demo's clip, with --for-tests
// what the tests need of the system, and mediasoup's worker (that with --for-image, too), which is otherwise made in the background. Plain JavaScript without dependencies, for Node 20 and newer. Safe to run at any time, twice at once too;
// with nothing to do it ends within a second.
import { fileURLToPath } from 'node:url';
import { prepareDemoClip } from './setup/demo-clip.mjs';
import { installDependencies } from './setup/dependencies.mjs';
import { holdLock } from './setup/lock.mjs';
import { makeMediasoupWorkerMeanwhile, prepareMediasoupWorker } from './setup/mediasoup-worker.mjs';
import { prepareModels } from './setup/models.mjs';
import { buildPage } from './setup/page.mjs';
import { createProgress, SetupError } from './setup/progress.mjs';
import { installTestPackages } from './setup/test-packages.mjs';

const MINIMUM_NODE = 20;

/** @type {{ title: string, run: (root: string, report: import('./setup/progress.mjs').Report) => Promise<string | null> }[]} */
const steps = [
  { title: 'dependencies', run: installDependencies },
  { title: 'models', run: prepareModels },
  { title: 'page', run: buildPage },
];
if (process.argv.includes('--for-demo')) steps.push({ title: 'demo clip', run: prepareDemoClip });
if (process.argv.includes('--for-tests')) {
  steps.push({ title: 'test packages', run: installTestPackages }, { title: 'mediasoup worker', run: prepareMediasoupWorker });
} else if (process.argv.includes('--for-image')) {
  steps.push({ title: 'mediasoup worker', run: prepareMediasoupWorker });
} else {
  // Nobody need wait for it: until it is there, live video goes another way.
  steps.push({ title: 'mediasoup worker', run: makeMediasoupWorkerMeanwhile });
}

const root = fileURLToPath(new URL('..', import.meta.url));
const progress = createProgress(process.stdout);
try {
  if (Number(process.versions.node.split('.')[0]) < MINIMUM_NODE) {
    throw new SetupError(`Node ${process.version} is too old; ${MINIMUM_NODE} or newer is needed to begin (Node 24 then comes with the packages)`, 'install a newer Node from your distribution or https://nodejs.org');
  }
  if (process.platform !== 'linux') throw new SetupError(`Ruth runs on Linux; this is ${process.platform}`, 'use a Linux machine, a container, or WSL 2');
  await holdLock(root, (owner) => progress.note(`another set-up (${owner}) is at work here; waiting for it`), async () => {
    for (const { title, run } of steps) await progress.step(title, (report) => run(root, report));
  });
  progress.end();
} catch (error) {
  progress.fail(error);
  process.exitCode = 1;
}
