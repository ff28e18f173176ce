// What one view alone asks the server, for as long as it is shown; the last answer stays beside a failure.
import { useEffect, useState } from 'react';
import { ask } from './api.ts';
import type { Known } from './system-store.ts';

/** `path` under /api/v1; null asks nothing. With another `round` it is asked at once. */
export function usePolled<T>(path: string | null, everyMs: number, round = 0): Known<T> {
  const [known, setKnown] = useState<Known<T>>({ value: null, failure: null });
  useEffect(() => {
    if (path === null) return;
    let timer: ReturnType<typeof setTimeout>;
    let ended = false;
    const look = async (): Promise<void> => {
      const answer = await ask<T>(path);
      if (ended) return;
      setKnown((before) => (answer.failure ? { value: before.value, failure: answer.failure } : answer));
      timer = setTimeout(() => void look(), everyMs);
    };
    void look();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [path, everyMs, round]);
  return known;
}
