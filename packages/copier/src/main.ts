// The process that copies what is kept to a bucket: `node packages/copier/src/main.ts -c ruth.yaml`. It only reads, and only from the kernel's socket;
// where it dies or the bucket is away nothing else notices.
import { copierSocketPath, isLoopback, kernelSocketPath, RuthError } from '@ruth/protocol';
import { listenOnSocket, nodeOfSite, runProcess, secretReader } from '@ruth/transport';
import { Bucket } from './bucket.ts';
import { copierServer } from './copier-http.ts';
import { Copier } from './copier.ts';
import { KeptRecordings } from './kept-recordings.ts';

await runProcess('copier', async (context) => {
  const { settings: { copies, site, socketDirectory }, logger, signal } = context;
  if (copies === null) throw new RuthError('invalid_config', 'ruth.yaml has no copies: nothing is to be copied');
  const { endpoint, bucket: bucketName, max_mbps: maxMbps = Infinity } = copies;
  if (endpoint?.startsWith('http:') && !isLoopback(new URL(endpoint).hostname)) logger.warn({ endpoint }, 'copies travel without TLS: use https:// for storage on another machine');
  using bucket = new Bucket(copies, secretReader(process.env));
  // In a site cameras move, and two nodes may have recorded the same second.
  const prefix = `${copies.prefix ?? ''}${site === null ? '' : `${nodeOfSite(site)}/`}`;
  const copier = new Copier({ kept: new KeptRecordings(kernelSocketPath(socketDirectory)), bucket, bucketName, prefix, maxMbps, logger });
  const server = copierServer(copier);
  await listenOnSocket(server, copierSocketPath(socketDirectory));
  context.ready({ bucket: bucketName, prefix });
  await copier.run(signal);
  server.close();
  server.closeAllConnections();
});
