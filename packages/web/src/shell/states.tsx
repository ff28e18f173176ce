// What a view shows while it has nothing to show: waiting, failed, empty.
import type { ReactNode } from 'react';
import type { Failure } from '../system/api.ts';

export function Waiting({ words }: { words: string }) {
  return (
    <main className="state-view">
      <div className="state" role="status">
        <span className="spinner" aria-hidden="true" />
        <p>{words}</p>
      </div>
    </main>
  );
}

/** `what` could not be learnt; the page keeps asking. */
export function Unknown({ what, failure }: { what: string; failure: Failure }) {
  return (
    <main className="state-view">
      <div className="state" role="alert">
        <h2>{what}</h2>
        <p>{failure.message}</p>
        {failure.advice && <p className="advice">{failure.advice}</p>}
        <p className="hint">This page keeps asking.</p>
      </div>
    </main>
  );
}

/** Where an address leads to what the person may not do. */
export function NotAllowed({ what }: { what: string }) {
  return (
    <main className="state-view">
      <div className="state">
        <h2>{what}</h2>
        <p>Whoever administers this node can do that. You may look at what is there.</p>
      </div>
    </main>
  );
}

export function Empty({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="state">
      <h2>{title}</h2>
      {children}
    </section>
  );
}
