// All cameras at once: 1 to 36 of them fit on the screen, more are scrolled to. Tiles are put elsewhere by pointer, touch or keyboard.
import { useState, type CSSProperties } from 'react';
import { closestCenter, DndContext, KeyboardSensor, MouseSensor, TouchSensor, useSensor, useSensors, type Announcements, type DragEndEvent, type UniqueIdentifier } from '@dnd-kit/core';
import { arrayMove, rectSortingStrategy, SortableContext, sortableKeyboardCoordinates } from '@dnd-kit/sortable';
import type { CameraStatus } from '@ruth/protocol';
import { CameraTile } from '../camera/camera-tile.tsx';
import { useOverlayChoice } from '../overlay/overlay-choice.ts';
import { useStoredChoice } from '../stored-choice.ts';
import type { System, SystemStore } from '../system/system-store.ts';
import { arranged, isCompact, suitingColumns, suitingRows, type ColumnChoice } from './arrangement.ts';
import { GridToolbar } from './grid-toolbar.tsx';

const INSTRUCTIONS = { draggable: 'Press Space to take the camera up, arrow keys to move it, Space to put it down, Escape to leave it where it was.' };

export function CameraGrid({ cameras, system, store }: { cameras: readonly CameraStatus[]; system: System; store: SystemStore }) {
  const [order, setOrder] = useStoredChoice<readonly string[]>('ruth.order', []);
  const [choice, setChoice] = useStoredChoice<ColumnChoice>('ruth.columns', 0);
  const [overlay, setOverlay] = useOverlayChoice();
  const [dragging, setDragging] = useState(false);
  const sensors = useSensors(
    useSensor(MouseSensor, { activationConstraint: { distance: 8 } }), useSensor(TouchSensor, { activationConstraint: { delay: 150, tolerance: 8 } }),
    useSensor(KeyboardSensor, { coordinateGetter: sortableKeyboardCoordinates }),
  );
  const shown = arranged(cameras, order, ({ camera_id }) => camera_id);
  const ids = shown.map(({ camera_id }) => camera_id);
  const columns = choice === 0 ? suitingColumns(shown.length) : choice;
  const compact = isCompact(shown.length, columns);
  const put = ({ active, over }: DragEndEvent): void => {
    setDragging(false);
    if (over && active.id !== over.id) setOrder(arrayMove(ids, ids.indexOf(String(active.id)), ids.indexOf(String(over.id))));
  };
  const nameOf = (id: UniqueIdentifier): string => cameras.find(({ camera_id }) => camera_id === id)?.name ?? String(id);
  const placeOf = (id: UniqueIdentifier): string => `place ${ids.indexOf(String(id)) + 1} of ${ids.length}`;
  const announcements: Announcements = {
    onDragStart: ({ active }) => `${nameOf(active.id)} is taken up from ${placeOf(active.id)}`,
    onDragOver: ({ active, over }) => (over ? `${nameOf(active.id)} is over ${placeOf(over.id)}` : undefined),
    onDragEnd: ({ active, over }) => `${nameOf(active.id)} is put at ${placeOf(over?.id ?? active.id)}`,
    onDragCancel: ({ active }) => `${nameOf(active.id)} stays at ${placeOf(active.id)}`,
  };
  return (
    <main className="live">
      <GridToolbar count={shown.length} choice={choice} onChoice={setChoice} overlay={overlay} classes={store.looks.classNames(null)} onOverlay={setOverlay} />
      <DndContext
        sensors={sensors} collisionDetection={closestCenter} accessibility={{ announcements, screenReaderInstructions: INSTRUCTIONS }}
        onDragStart={() => setDragging(true)} onDragEnd={put} onDragCancel={() => setDragging(false)}
      >
        <SortableContext items={ids} strategy={rectSortingStrategy}>
          <div
            className="cameras" data-count={shown.length} data-compact={compact} data-dragging={dragging} data-columns={choice === 0 ? 'auto' : choice}
            style={{ '--columns': columns, '--rows': suitingRows(shown.length, columns) } as CSSProperties}
          >
            {shown.map((camera) => <CameraTile key={camera.camera_id} camera={camera} system={system} looks={store.looks} overlay={overlay} compact={compact} movable={shown.length > 1} />)}
          </div>
        </SortableContext>
      </DndContext>
    </main>
  );
}
