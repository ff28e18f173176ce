// Around a view: shows that it is being loaded, and says so where it cannot be loaded or breaks. The rest of the page goes on.
import { Component, Suspense, type ReactNode } from 'react';
import { Waiting } from './states.tsx';

export class ViewBoundary extends Component<{ readonly children: ReactNode }, { readonly error: Error | null }> {
  override readonly state: { readonly error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error): { error: Error } { return { error }; }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === null) return <Suspense fallback={<Waiting words="Loading" />}>{this.props.children}</Suspense>;
    return (
      <main className="state-view">
        <div className="state" role="alert">
          <h2>This view does not work</h2>
          <p>{error.message}</p>
          <p>The server may have been updated since this page was loaded, or it cannot be reached. Everything else goes on.</p>
          <button type="button" className="button" onClick={() => location.reload()}>Load the page again</button>
        </div>
      </main>
    );
  }
}
