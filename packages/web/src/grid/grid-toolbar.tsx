// Above the grid: how many cameras, in how many columns, and what is drawn on them.
import { OverlayControls } from '../overlay/overlay-controls.tsx';
import type { OverlayChoice } from '../overlay/overlay-choice.ts';
import { MOST_COLUMNS, type ColumnChoice } from './arrangement.ts';

export interface GridToolbarProps {
  readonly count: number;
  readonly choice: ColumnChoice;
  readonly onChoice: (choice: ColumnChoice) => void;
  readonly overlay: OverlayChoice;
  readonly classes: readonly string[];
  readonly onOverlay: (change: Partial<OverlayChoice>) => void;
}

export function GridToolbar({ count, choice, onChoice, overlay, classes, onOverlay }: GridToolbarProps) {
  const choices = Array.from({ length: MOST_COLUMNS + 1 }, (_, columns) => columns as ColumnChoice);
  return (
    <div className="grid-toolbar">
      <p className="hint">{count === 1 ? '1 camera' : `${count} cameras`}</p>
      {count > 1 && (
        <div className="segments" role="group" aria-label="Columns">
          {choices.map((columns) => (
            <button key={columns} type="button" aria-pressed={choice === columns} aria-label={columns === 0 ? 'Auto: as many columns as suit' : columns === 1 ? '1 column' : `${columns} columns`} onClick={() => onChoice(columns)}>{columns === 0 ? 'Auto' : columns}</button>
          ))}
        </div>
      )}
      <OverlayControls choice={overlay} classes={classes} onChange={onOverlay} />
    </div>
  );
}
