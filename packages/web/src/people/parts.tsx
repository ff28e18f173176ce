// What the pages of people share: a list from the server, and the choice of cameras.
import { useCallback, useEffect, useState } from 'react';
import { ClassChoice } from '../controls/fields.tsx';
import { ask, type Failure } from '../system/api.ts';

/** Null until it is known. What was known stays beside a failure. */
export function useList<T>(path: string): { readonly items: readonly T[] | null; readonly failure: Failure | null; readonly refresh: () => void } {
  const [items, setItems] = useState<readonly T[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const refresh = useCallback((): void => {
    void ask<T[]>(path).then((answer) => {
      setFailure(answer.failure);
      if (answer.value) setItems(answer.value);
    });
  }, [path]);
  useEffect(refresh, [refresh]);
  return { items, failure, refresh };
}

/** Null: all, those that come later too. */
export function CamerasField({ chosen, cameraIds, onChange }: { chosen: readonly string[] | null; cameraIds: readonly string[]; onChange: (chosen: string[] | null) => void }) {
  return (
    <div className="cameras-field">
      <label className="check"><input type="checkbox" checked={chosen === null} onChange={({ target }) => onChange(target.checked ? null : [])} />All cameras, also those that come later</label>
      {chosen !== null && <ClassChoice label="Only these cameras" empty="none" chosen={chosen} classes={cameraIds} onChange={(names) => onChange([...names])} />}
    </div>
  );
}
