// Areas where objects do not count: who stands in one is shown in the look, and is no track.
import type { Box, MaskConfig } from '@ruth/protocol';
import { anchorOf } from './scene-object.ts';
import { Area } from './shapes.ts';

export class ObjectMasks {
  readonly #masks: readonly { readonly area: Area; readonly classes: readonly string[] | undefined }[];

  constructor(masks: readonly MaskConfig[]) {
    this.#masks = masks.filter(({ hides }) => hides?.includes('objects') ?? true).map(({ polygon, classes }) => ({ area: new Area(polygon, 1), classes }));
  }

  hides(box: Box, className: string): boolean {
    return this.#masks.some(({ area, classes }) => (classes?.includes(className) ?? true) && area.contains(anchorOf(box, 'base')));
  }
}
