// A chart as Helm would render it, as Kubernetes would take it: what a template gives is held against the published schemas of each kind twice,
// by their validators (which let unknown fields pass) and by the types made from them (which do not, and so find a misspelt field).
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Compile } from 'typebox/schema';
import { parse, parseAllDocuments } from 'yaml';
import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject';
import { DaemonSet } from 'kubernetes-models/apps/v1/DaemonSet';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { StatefulSet } from 'kubernetes-models/apps/v1/StatefulSet';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler';
import { Ingress } from 'kubernetes-models/networking.k8s.io/v1/Ingress';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Secret } from 'kubernetes-models/v1/Secret';
import { Service } from 'kubernetes-models/v1/Service';

export type Values = Record<string, unknown>;
export interface Resource { readonly apiVersion: string; readonly kind: string; readonly metadata: { readonly name: string }; readonly [key: string]: unknown }

interface Kind { readonly apiVersion: string; readonly kind: string; new (data: never): { validate(): void } }
const KINDS: readonly Kind[] = [DaemonSet, StatefulSet, Deployment, Service, Secret, ConfigMap, Ingress, NetworkPolicy, PodDisruptionBudget, HorizontalPodAutoscaler, ScaledObject];

export const ROOT = join(import.meta.dirname, '../../..');
const CHART = join(ROOT, 'deploy/helm/ruth');
const GO = { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOFLAGS: '' };

const schema = Compile(JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8')) as object);

/** Where values are not those of the chart, as Helm refuses them before it renders; empty where they are. */
export function problemsOf(values: Values): string[] {
  const [, errors] = schema.Errors(merged(parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')) as Values, values));
  return errors.map(({ instancePath, message }) => `${instancePath} ${message}`);
}

function merged(under: Values, over: Values): Values {
  const isMap = (value: unknown): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value);
  return Object.fromEntries([...new Set([...Object.keys(under), ...Object.keys(over)])].map((key) => {
    const [below, above] = [under[key], over[key]];
    return [key, above === undefined ? below : isMap(below) && isMap(above) ? merged(below, above) : above];
  }));
}

/** What lies at a path like `spec.template.spec` of a resource, taken to be what the caller names. */
export const partOf = <T>(resource: Resource, path: string): T => path.split('.').reduce<unknown>((of, key) => (of as Values)[key], resource) as T;

export class Renderer implements Disposable {
  readonly #place = mkdtempSync(join(mkdirs(join(ROOT, 'node_modules/.cache')), 'helm-'));
  readonly #program = join(this.#place, 'render');

  constructor() {
    const { status, error, stderr } = spawnSync('go', ['build', '-o', this.#program, join(import.meta.dirname, 'render.go')], { env: GO, encoding: 'utf8' });
    if (status !== 0) throw new Error(`render.go was not built; golang-go, golang-github-masterminds-sprig-dev and golang-k8s-sigs-yaml-dev are needed: ${error?.message ?? stderr}`);
  }

  /** Throws what a template refuses. */
  render(values: Values): { readonly resources: readonly Resource[]; readonly notes: string } {
    const { status, stdout, stderr } = spawnSync(this.#program, [CHART], { input: JSON.stringify({ release: 'site', namespace: 'video', values }), encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    const { 'NOTES.txt': notes = '', ...templates } = JSON.parse(stdout) as Record<string, string>;
    const resources = Object.entries(templates).flatMap(([name, text]) => parseAllDocuments(text, { uniqueKeys: true }).flatMap((document) => {
      if (document.errors.length > 0) throw new Error(`${name}: ${document.errors[0]!.message}\n${text}`);
      return document.toJS() === null ? [] : [document.toJS() as Resource];
    }));
    return { resources, notes };
  }

  /** Throws where one of them is none that Kubernetes knows. */
  check(resources: readonly Resource[]): void {
    const lines = resources.map((resource, index) => {
      const kind = KINDS.find((known) => known.kind === resource.kind && known.apiVersion === resource.apiVersion);
      if (!kind) throw new Error(`${resource.kind} of ${resource.apiVersion} is not among the kinds that are checked`);
      new kind(resource as never).validate();
      const [group, version] = kind.apiVersion.includes('/') ? kind.apiVersion.split('/') : ['', kind.apiVersion];
      const from = group === 'keda.sh' ? `@kubernetes-models/keda/${group}/${version}/${kind.kind}` : `kubernetes-models/${[group, version, kind.kind].filter(Boolean).join('/')}`;
      return `import type { I${kind.kind} as Kind${index} } from '${from}';\nexport const resource${index}: Kind${index} = ${JSON.stringify(resource)};`;
    });
    const file = join(this.#place, 'resources.ts');
    writeFileSync(file, lines.join('\n'));
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--ignoreConfig', '--module', 'nodenext', '--target', 'es2024'];
    const { status, stdout } = spawnSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), ...options, file], { cwd: ROOT, encoding: 'utf8' });
    if (status !== 0) throw new Error(stdout);
  }

  [Symbol.dispose](): void { rmSync(this.#place, { recursive: true, force: true }); }
}

function mkdirs(path: string): string {
  mkdirSync(path, { recursive: true });
  return path;
}
