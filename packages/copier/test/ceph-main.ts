// Ceph to try copies with: `node packages/copier/test/ceph-main.ts` prints what ruth.yaml says of it, and runs it until Ctrl-C. Needs Debian's radosgw, ceph-mon and ceph-osd.
import { once } from 'node:events';
import { ACCESS_KEY, Ceph, SECRET_KEY } from './ceph.ts';

await using ceph = await Ceph.start();
console.log(`export CEPH_SECRET=${SECRET_KEY}\n\ncopies: {bucket: evidence, endpoint: "${ceph.endpoint}", access_key_id: ${ACCESS_KEY}, secret_access_key: {env: CEPH_SECRET}}`);
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
