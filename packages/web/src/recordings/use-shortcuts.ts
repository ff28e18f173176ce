// Keys that act wherever the focus is, unless it is in something that takes the key itself.
import { useEffect, useRef } from 'react';

/** By `event.key` in lower case. */
export function useShortcuts(actions: Readonly<Record<string, () => void>>): void {
  const newest = useRef(actions);
  useEffect(() => { newest.current = actions; });
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement;
      if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented || target.matches('input, select, textarea')) return;
      if (event.key === ' ' && target.matches('button, a')) return;
      const action = newest.current[event.key.toLowerCase()];
      if (!action) return;
      event.preventDefault();
      action();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, []);
}
