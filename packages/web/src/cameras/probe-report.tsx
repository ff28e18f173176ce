// What a camera was found to send, and what to make of it.
import type { ProbeReport } from '@ruth/protocol';
import { codecName } from '../camera/tile-condition.ts';

const TONES: Record<ProbeReport['advice'][number]['level'], string> = { good: 'good', note: 'unknown', problem: 'warn' };

export function ProbeResult({ report }: { report: ProbeReport }) {
  const { codec, width, height, fps, bitrate_bps: bitrate, keyframe_interval_s: keyframes, audio_codec: audio, transport, first_picture_ms: first, packets_lost: lost, node } = report;
  const facts: [string, string][] = [
    ['Picture', `${width ?? '?'}\u00d7${height ?? '?'}, ${codecName(codec)}`],
    ['Pictures a second', fps === null ? 'not measured' : fps.toFixed(1)],
    ['Keyframe', keyframes === null ? 'only one came' : `every ${keyframes.toFixed(1)} s`],
    ['Bit rate', `${(bitrate / 1e6).toFixed(2)} Mbit/s`],
    ['Sound', audio ?? 'none'],
    ['Way', `RTP over ${transport.toUpperCase()}${lost ? `, ${lost} packets lost` : ''}`],
    ...(node === undefined ? [] : [['Looked from', node] satisfies [string, string]]),
    ['First picture', first === null ? 'none came' : `after ${(first / 1000).toFixed(1)} s`],
  ];
  return (
    <section className="probe-result" aria-label="What the camera sends">
      <dl className="facts-list">{facts.map(([term, fact]) => <div key={term}><dt>{term}</dt><dd>{fact}</dd></div>)}</dl>
      <ul className="advice-list" aria-label="Advice">
        {report.advice.map(({ level, text }) => <li key={text} data-tone={TONES[level]}><span className="dot" aria-hidden="true" /><span>{level === 'problem' && <strong>To change: </strong>}{text}</span></li>)}
      </ul>
    </section>
  );
}
