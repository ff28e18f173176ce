// Choices of this browser's user that outlive the page. Where the browser keeps nothing, they last as long as the page.
import { useState } from 'react';

export function useStoredChoice<T>(key: string, fallback: T): [T, (value: T) => void] {
  const [value, setValue] = useState<T>(() => {
    try {
      return JSON.parse(localStorage.getItem(key) ?? '') as T;
    } catch {
      return fallback;
    }
  });
  const choose = (next: T): void => {
    setValue(next);
    try {
      localStorage.setItem(key, JSON.stringify(next));
    } catch { /* a browser that keeps nothing */ }
  };
  return [value, choose];
}
