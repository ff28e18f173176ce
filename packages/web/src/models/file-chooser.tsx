// Where a file is chosen: by a button, or dropped. What is chosen is told, and while it is sent how far it is.
import type { DragEvent } from 'react';
import { bytesText } from '../wall-clock.ts';

export interface FileChooserProps {
  readonly label: string;
  /** As of an `<input type="file">`. */
  readonly accept: string;
  readonly file: File | null;
  readonly sentBytes: number | null;
  readonly onChoose: (files: readonly File[]) => void;
  readonly onCancel: () => void;
}

export function FileChooser({ label, accept, file, sentBytes, onChoose, onCancel }: FileChooserProps) {
  if (file !== null && sentBytes !== null) {
    const isThere = sentBytes >= file.size;
    return (
      <div className="file-chooser" data-sending="true">
        <p><strong>{file.name}</strong> <span className="hint">{isThere ? `all ${bytesText(file.size)} are there` : `${bytesText(sentBytes)} of ${bytesText(file.size)}, ${Math.floor(sentBytes / file.size * 100)} %`}</span></p>
        <progress max={file.size} value={sentBytes} aria-label={`How much of ${file.name} is sent`} />
        <button type="button" className="text-button" onClick={onCancel}>Cancel</button>
      </div>
    );
  }
  return (
    <label className="file-chooser">
      <input className="hidden-words" type="file" accept={accept} aria-label={label} onChange={({ target }) => { if (target.files?.length) onChoose([...target.files]); target.value = ''; }} />
      {file === null ? <><span className="button">Choose a file</span><span className="hint drop-words">or drop it here</span></> : <><strong>{file.name}</strong><span className="hint">{bytesText(file.size)}</span><span className="text-button">Another</span></>}
    </label>
  );
}

/** For the element on which files may be dropped: elsewhere the browser would open them in place of the page. */
export const dropTarget = (onChoose: (files: readonly File[]) => void) => ({
  onDragOver: (event: DragEvent): void => { if (event.dataTransfer.types.includes('Files')) event.preventDefault(); },
  onDrop: (event: DragEvent): void => {
    if (!event.dataTransfer.types.includes('Files')) return;
    event.preventDefault();
    onChoose([...event.dataTransfer.files]);
  },
});
