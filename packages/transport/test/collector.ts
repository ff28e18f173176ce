// An OpenTelemetry collector as far as a sender sees one: OTLP over HTTP, JSON, on a real socket.
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Value { readonly stringValue?: string; readonly intValue?: number; readonly doubleValue?: number; readonly boolValue?: boolean }
interface Attribute { readonly key: string; readonly value: Value }

/** A span as it came. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  /** Nanoseconds UTC. */
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status: { readonly code?: number; readonly message?: string };
  /** Of the process that sent it. */
  readonly service: string;
}

export interface Collector extends AsyncDisposable {
  readonly endpoint: string;
  readonly spans: ReceivedSpan[];
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders; readonly text: string }[];
  /** Answers with it; null: not at all. */
  status: number | null;
}

interface Export { readonly resourceSpans: readonly { readonly resource: { readonly attributes: readonly Attribute[] }; readonly scopeSpans: readonly { readonly spans: readonly ReceivedSpan[] }[] }[] }

export async function startCollector(): Promise<Collector> {
  const server = createServer((request, response) => void request.toArray().then((chunks) => {
    const text = Buffer.concat(chunks as Buffer[]).toString();
    collector.requests.push({ path: request.url!, headers: request.headers, text });
    if (collector.status === null) return;
    if (collector.status === 200) {
      for (const { resource, scopeSpans } of (JSON.parse(text) as Export).resourceSpans) {
        const service = valueOf(resource, 'service.name') as string;
        collector.spans.push(...scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, service }))));
      }
    }
    response.writeHead(collector.status, { 'content-type': 'application/json' }).end('{}');
  }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const collector: Collector = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans: [], requests: [], status: 200,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return collector;
}

export function valueOf({ attributes }: { readonly attributes: readonly Attribute[] }, key: string): string | number | boolean | undefined {
  const value = attributes.find((attribute) => attribute.key === key)?.value;
  return value && (value.stringValue ?? value.intValue ?? value.doubleValue ?? value.boolValue);
}

/** Milliseconds. */
export const durationMs = ({ startTimeUnixNano, endTimeUnixNano }: ReceivedSpan): number => Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / 1e6;
