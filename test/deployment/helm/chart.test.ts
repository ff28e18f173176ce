// The Helm chart, as far as it can be tried without a cluster: rendered by Go's templates, held against the schemas of Kubernetes, what it grants,
// and that what it starts is what compose.yaml starts, with settings that Ruth takes.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseSettings } from '@ruth/protocol';
import { parse } from 'yaml';
import { partOf, problemsOf, Renderer, ROOT, type Resource, type Values } from './chart.ts';

interface Mount { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }
interface Container {
  readonly name: string; readonly args: readonly string[]; readonly securityContext: unknown; readonly volumeMounts: readonly Mount[];
  readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
  readonly env: readonly { readonly name: string }[]; readonly readinessProbe?: unknown; readonly livenessProbe?: { readonly exec?: { readonly command: readonly string[] } };
}

const ALONE = { node: { kind: 'StatefulSet' } };
const SITE = { site: { nats: ['tls://nats:4222'], secret: 'nats', credentialsKey: 'node.creds', caKey: 'ca.crt', sealKey: 'site.key', labels: { building: 'north' } }, database: { secret: 'postgres' } };
/** All that can be switched on. */
const FULL = {
  ...SITE, settings: { recording: {}, copies: { bucket: 'evidence', endpoint: 'https://minio.example:9000/', access_key_id: 'ruth' } }, copies: { secret: 'bucket', networks: ['198.51.100.0/24'] }, adminToken: { secret: 'token' }, tls: { secret: 'certificate' }, image: { pullSecrets: ['registry'], repository: 'registry.example.com/ruth' },
  node: { serverUrl: 'https://$(POD_IP).nodes.example.com:8080', nodeSelector: { video: 'yes' }, tolerations: [{ key: 'video', operator: 'Exists' }] },
  models: [{ id: 'centernet-coco' }, { id: 'Plates_v2.1', folder: '/models/plates' }], extraVolumes: [{ name: 'models', persistentVolumeClaim: { claimName: 'models' } }], extraVolumeMounts: [{ name: 'models', mountPath: '/models' }],
  ingress: { enabled: true, className: 'nginx', tlsSecret: 'page' }, networkPolicy: { clients: ['10.1.0.0/16'], services: ['192.0.2.0/24'] },
  inference: { enabled: true, image: 'registry.example.com/triton:1', args: ['tritonserver'], autoscaling: { enabled: true, models: ['yolo.v8', 'plates'] } },
};
const CLAIMS = {
  ...SITE, node: { kind: 'StatefulSet', replicas: 3, hostNetwork: false, recordings: { storageClassName: 'local' } },
  settings: { live: { webrtc: { announced_address: '192.0.2.1' } } }, inference: { ...FULL.inference, autoscaling: { ...FULL.inference.autoscaling, engine: 'hpa' } },
};

const renderer = new Renderer();
after(() => renderer[Symbol.dispose]());

const the = (resources: readonly Resource[], kind: string, name: string): Resource => {
  const found = resources.filter((resource) => resource.kind === kind && resource.metadata.name === name);
  assert.equal(found.length, 1, `${kind} ${name}`);
  return found[0]!;
};
const podOf = (resources: readonly Resource[], kind = 'DaemonSet'): { readonly containers: readonly Container[]; readonly volumes: readonly { readonly name: string }[] } & Values => partOf(the(resources, kind, 'site-node'), 'spec.template.spec');
const settingsOf = (resources: readonly Resource[]): string => partOf<Record<string, string>>(the(resources, 'Secret', 'site-settings'), 'stringData')['ruth.yaml']!;

test('whatever is switched on, Kubernetes knows each field that comes out', () => {
  const all = [ALONE, SITE, FULL, CLAIMS].flatMap((values) => {
    assert.deepEqual(problemsOf(values), []);
    return renderer.render(values).resources;
  });
  renderer.check(all);
  assert.throws(() => renderer.check([{ ...all[0]!, spec: { ...partOf<Values>(all[0]!, 'spec'), mispelt: 1 } }]), /mispelt/);
});

test('nothing has more than it needs', () => {
  for (const values of [SITE, FULL]) {
    const pod = podOf(renderer.render(values).resources);
    assert.deepEqual([pod.automountServiceAccountToken, pod.securityContext], [false, { runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001, fsGroupChangePolicy: 'OnRootMismatch', seccompProfile: { type: 'RuntimeDefault' } }]);
    for (const { name, securityContext, volumeMounts, env } of pod.containers) {
      assert.deepEqual(securityContext, { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } }, name);
      const mounts = new Map(volumeMounts.map((mount) => [mount.name, mount]));
      for (const mount of mounts.keys()) assert.ok(pod.volumes.some((volume) => volume.name === mount), `${name}: ${mount} is no volume`);
      assert.equal(env.some((variable) => variable.name === 'DATABASE_URL'), name === 'server');
      assert.equal(mounts.has('recordings'), name === 'kernel');
      assert.equal(env.some((variable) => variable.name === 'S3_SECRET_ACCESS_KEY'), name === 'copier');
      if (name === 'copier') assert.deepEqual([...mounts.keys()], ['settings', 'sockets', 'tmp']);
      if (!name.startsWith('model-')) continue;
      assert.deepEqual([...mounts.keys()].filter((mount) => mount !== 'models'), ['container', 'sockets', 'rings', 'tmp']);
      for (const path of ['container', 'rings', 'models']) assert.notEqual(mounts.get(path)?.readOnly, mounts.has(path) ? undefined : true, `${name} can write ${path}`);
    }
  }
});

test('its pods run what compose.yaml runs, and ask each process at the socket that it has', () => {
  const { containers } = podOf(renderer.render({ ...SITE, settings: FULL.settings, copies: FULL.copies }).resources);
  const { services } = parse(readFileSync(join(ROOT, 'deploy/docker/compose.yaml'), 'utf8'), { merge: true }) as { services: Record<string, { command: string[] }> };
  assert.deepEqual(Object.fromEntries(containers.filter(({ name }) => !['fleet', 'outbox'].includes(name)).map(({ name, args }) => [name.replace('model-', ''), args])), Object.fromEntries(Object.entries(services).map(([name, { command }]) => [name, command])));
  for (const [process, entry] of [['fleet', 'packages/fleet/src/main.ts'], ['outbox', 'packages/fleet/src/outbox-main.ts']] as const) {
    assert.deepEqual(containers.find(({ name }) => name === process)!.args, [entry, '-c', '/etc/ruth/ruth.yaml']);
    assert.ok(existsSync(join(ROOT, entry)));
  }
  assert.deepEqual(podOf(renderer.render(ALONE).resources, 'StatefulSet').containers.map(({ name }) => name), ['kernel', 'core', 'model-centernet-coco', 'model-movenet-lightning', 'server'], 'a node by itself runs nothing of a site');
  const probes = containers.flatMap(({ name, livenessProbe }) => (livenessProbe?.exec ? [[name, livenessProbe.exec.command] as const] : []));
  assert.deepEqual(probes.map(([name, [, file, , socket]]) => [name, file, socket]), [
    ['kernel', 'vas_kernel.sock'], ['core', 'vas_core.sock'], ['model-centernet-coco', 'vas_model_centernet-coco.sock'], ['model-movenet-lightning', 'vas_model_movenet-lightning.sock'],
    ['copier', 'vas_copier.sock'], ['outbox', 'vas_outbox.sock'],
  ].map(([name, socket]) => [name, 'packages/transport/src/process/health-main.ts', `/run/ruth/sockets/${socket}`]));
  assert.ok(existsSync(join(ROOT, 'packages/transport/src/process/health-main.ts')));
  // A bucket, or a site, that is away keeps nobody from this node.
  assert.deepEqual(containers.filter(({ readinessProbe }) => readinessProbe === undefined).map(({ name }) => name), ['copier', 'fleet', 'outbox']);
});

test('a node of a site gives its cameras away before it ends, and its processes end one after another, within the time that Kubernetes gives', () => {
  const pod = podOf(renderer.render({ ...FULL, node: { ...FULL.node, drainSeconds: 40 } }).resources);
  const hooks = new Map(pod.containers.flatMap(({ name, lifecycle }) => (lifecycle ? [[name, lifecycle.preStop.exec.command.slice(1)] as const] : [])));
  const waits = (socket: string, seconds: string) => ['packages/transport/src/process/ended-main.ts', `/run/ruth/sockets/${socket}`, seconds];
  assert.deepEqual(Object.fromEntries(hooks), {
    fleet: ['packages/fleet/src/site-main.ts', '-c', '/etc/ruth/ruth.yaml', 'drain', '--until-start', '--wait', '40'],
    kernel: waits('vas_fleet.sock', '45'), core: waits('vas_fleet.sock', '45'), server: waits('vas_kernel.sock', '55'), outbox: waits('vas_core.sock', '55'),
    'model-centernet-coco': waits('vas_core.sock', '55'), 'model-plates-v2-1': waits('vas_core.sock', '55'),
  });
  for (const [name, [file]] of hooks) assert.ok(existsSync(join(ROOT, file!)), name);
  assert.equal(pod.terminationGracePeriodSeconds, 85);
  // A container that hangs is killed by itself, without waiting for what will not end.
  for (const { name, livenessProbe } of pod.containers) if (name !== 'fleet') assert.equal((livenessProbe as unknown as Values).terminationGracePeriodSeconds, 10, name);
  const alone = podOf(renderer.render(ALONE).resources, 'StatefulSet');
  assert.deepEqual([alone.terminationGracePeriodSeconds, alone.containers.flatMap(({ lifecycle }) => lifecycle ?? [])], [30, []]);
});

test('Ruth takes the settings that come out, and what the chart decides stands', () => {
  const of = (values: Values) => parseSettings(settingsOf(renderer.render(values).resources), 'ruth.yaml');
  const alone = of(ALONE);
  assert.deepEqual([alone.site, alone.http.port, alone.recording?.directory, alone.models.map(({ id }) => id)], [null, 8080, '/recordings', ['centernet-coco', 'movenet-lightning']]);
  const full = of(FULL);
  assert.deepEqual([full.site?.nats, full.site?.credentials_file, full.site?.ca_file, full.site?.key_file, full.site?.labels, full.http.tls !== null], [SITE.site.nats, '/etc/ruth-site/node.creds', '/etc/ruth-site/ca.crt', '/etc/ruth-site/site.key', { building: 'north' }, true]);
  assert.deepEqual(full.copies, { bucket: 'evidence', endpoint: 'https://minio.example:9000/', access_key_id: 'ruth', secret_access_key: { env: 'S3_SECRET_ACCESS_KEY' } });
  assert.deepEqual(full.models.map(({ id, folder }) => [id, folder])[1], ['Plates_v2.1', '/models/plates']);
  assert.equal(of({ ...SITE, settings: { recording: null } }).recording, null);
  const [before, changed] = [SITE, { ...SITE, settings: { log_level: 'debug' } }].map((values) => partOf<string>(the(renderer.render(values).resources, 'DaemonSet', 'site-node'), 'spec.template.metadata.annotations.checksum/settings'));
  assert.notEqual(before, changed, 'pods would keep the settings that they were started with');
});

test('site.yaml of docs/deployment.md is taken as it stands, by the chart and by Ruth', () => {
  const [, yaml] = /^```yaml\n(# site\.yaml\n[^]*?)^```/m.exec(readFileSync(join(ROOT, 'docs/deployment.md'), 'utf8'))!;
  const values = parse(yaml!) as Values;
  assert.deepEqual(problemsOf(values), []);
  const { resources } = renderer.render(values);
  renderer.check(resources);
  assert.equal(parseSettings(settingsOf(resources), 'docs/deployment.md').recording?.maxAgeDays, 30);
});

test('what cannot work is refused with what would be right', () => {
  for (const [values, reason] of [
    [{}, /more than one node needs a site: set site\.nats/],
    [{ site: SITE.site }, /one database for all: set database\.secret/],
    [{ ...SITE, site: { ...SITE.site, secret: '' } }, /keys of site\.secret, which names no Secret/],
    [{ ...SITE, tls: { secret: 'certificate' } }, /node\.serverUrl must say by which name/],
    [{ ...SITE, settings: FULL.settings }, /settings\.copies needs copies\.secret/],
    [{ ...SITE, copies: { secret: 'bucket' } }, /a bucket that settings\.copies does not name/],
    [{ ...SITE, node: { hostNetwork: false } }, /another name after each start.+StatefulSet/],
    [{ ...SITE, inference: { enabled: true } }, /inference\.image names no image/],
    [{ ...SITE, inference: { ...FULL.inference, autoscaling: { enabled: true } } }, /names no model whose queue is measured/],
  ] as const) assert.throws(() => renderer.render(values), reason);
  for (const [values, at] of [
    [{ node: { kind: 'Deployment' } }, '/node/kind'], [{ settings: { http: { port: 1 } } }, '/settings'], [{ nodes: {} }, ''], [{ site: { nats: ['nats://user:password@host'] } }, '/site/nats/0'],
    [{ networkPolicy: { cameras: ['everywhere'] } }, '/networkPolicy/cameras/0'],
  ] as const) assert.ok(problemsOf(values).some((problem) => problem.startsWith(`${at} `)), JSON.stringify(values));
});

test('replicas grow by how long looks queue for each second of computing', () => {
  const { resources } = renderer.render(FULL);
  const { triggers, scaleTargetRef } = partOf<{ triggers: { metadata: { query: string; threshold: string } }[]; scaleTargetRef: { name: string } }>(the(resources, 'ScaledObject', 'site-inference'), 'spec');
  assert.equal(scaleTargetRef.name, the(resources, 'Deployment', 'site-inference').metadata.name);
  assert.equal(partOf(the(resources, 'Deployment', 'site-inference'), 'spec.replicas'), undefined, 'who sets replicas beside a scaler undoes its work at each upgrade');
  const { query, threshold } = triggers[0]!.metadata;
  assert.equal(threshold, '0.5');
  const documented = readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8');
  for (const [, name] of query.matchAll(/(ruth_\w+)_sum\{/g)) assert.match(documented, new RegExp(`^\\| \`${name}\` \\| histogram \\| model, stage`, 'm'));
  assert.match(query, /stage="queued",model=~"yolo\\\\\.v8\|plates".+\/ .+stage="inferred"/s);
  assert.deepEqual(partOf(the(renderer.render(CLAIMS).resources, 'HorizontalPodAutoscaler', 'site-inference'), 'spec.scaleTargetRef'), { apiVersion: 'apps/v1', kind: 'Deployment', name: 'site-inference' });
});

test('the bucket of copies is reached at its port, and nothing else of its networks', () => {
  const reached = (copies: Values): unknown => (partOf<{ to?: { ipBlock?: { cidr: string } }[]; ports?: { port: number }[] }[]>(the(renderer.render({ ...FULL, settings: { copies: { ...FULL.settings.copies, ...copies } } }).resources, 'NetworkPolicy', 'site-node'), 'spec.egress'))
    .filter(({ to }) => to?.some(({ ipBlock }) => ipBlock?.cidr === '198.51.100.0/24')).map(({ ports }) => ports);
  for (const [endpoint, port] of [['https://minio.example:9000/', 9000], ['https://s3.example', 443], ['http://[2001:db8::9]', 80]] as const) assert.deepEqual(reached({ endpoint }), [[{ port, protocol: 'TCP' }]], endpoint);
});

test('pictures between nodes come in where the settings say so', () => {
  const { resources } = renderer.render({ ...FULL, site: { ...SITE.site, pipes: { from_viewers: 5, first_port: 40_100, last_port: 40_199 } } });
  const [{ ports }] = partOf<{ ports: unknown[] }[]>(the(resources, 'NetworkPolicy', 'site-node'), 'spec.ingress') as [{ ports: unknown[] }];
  assert.deepEqual(ports.at(-1), { port: 40_100, endPort: 40_199, protocol: 'UDP' });
  assert.deepEqual((parse(settingsOf(resources)) as { site: { pipes: unknown } }).site.pipes, { from_viewers: 5, first_port: 40_100, last_port: 40_199 });
});

test('each node tells the others where its server is', () => {
  const told = (values: Values, kind = 'DaemonSet'): unknown => podOf(renderer.render(values).resources, kind).containers.find(({ name }) => name === 'fleet')!.env.find(({ name }) => name === 'RUTH_SERVER_URL');
  assert.deepEqual(told(SITE), { name: 'RUTH_SERVER_URL', value: 'http://$(POD_IP):8080' });
  assert.deepEqual(told({ ...CLAIMS, tls: { secret: 'certificate' } }, 'StatefulSet'), { name: 'RUTH_SERVER_URL', value: 'https://$(POD_NAME).site-nodes.$(NAMESPACE).svc:8080' });
});

test('the notes name the page where it is', () => {
  assert.match(renderer.render(FULL).notes, /The page: https:\/\/ruth\.example\.com$/m);
  assert.match(renderer.render(SITE).notes, /port-forward svc\/site 8080:80/);
});
