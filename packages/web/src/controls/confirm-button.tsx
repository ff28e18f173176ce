// A button that asks twice.
import { useEffect, useState } from 'react';

const ASKS_MS = 4000;

/** Asks once more before it does what cannot be taken back. */
export function ConfirmButton({ words, onConfirm }: { words: string; onConfirm: () => void }) {
  const [asks, setAsks] = useState(false);
  useEffect(() => {
    if (!asks) return;
    const timer = setTimeout(() => setAsks(false), ASKS_MS);
    return () => clearTimeout(timer);
  }, [asks]);
  return <button type="button" className="text-button danger" aria-label={asks ? `${words}: sure?` : words} onClick={() => { if (asks) onConfirm(); setAsks(!asks); }}>{asks ? 'Sure?' : 'Remove'}</button>;
}
