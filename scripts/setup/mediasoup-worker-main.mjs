// Makes mediasoup's worker beside whatever runs: started by set-up, at low priority. What it says goes to a log.
import { fileURLToPath } from 'node:url';
import { prepareMediasoupWorker } from './mediasoup-worker.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
console.log(await prepareMediasoupWorker(root, (detail) => console.log(detail)) ?? 'there already');
