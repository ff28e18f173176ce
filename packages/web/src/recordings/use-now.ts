// The present, renewed once a second.
import { useEffect, useState } from 'react';

/** Seconds UTC. */
export function useNow(): number {
  const [nowS, setNowS] = useState(() => Date.now() / 1000);
  useEffect(() => {
    const timer = setInterval(() => setNowS(Date.now() / 1000), 1000);
    return () => clearInterval(timer);
  }, []);
  return nowS;
}
