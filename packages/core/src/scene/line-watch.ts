// One line: who crosses it, and which way. The steps over it are summed with their direction until the object is clear of the line:
// who turns back on it has not crossed, who wavers over it crosses once, who walks around its ends does not. A track counts once each way, or each time.
import type { LineConfig, Point } from '@ruth/protocol';
import type { Happening } from './happenings.ts';
import type { SceneObject } from './scene-object.ts';
import { Course } from './shapes.ts';

/** Of the object's height. */
const CLEAR_HEIGHTS = 0.1;
/** Who has gone over it and stays nearer than that has crossed it after so long. */
const SETTLE_S = 2;

interface Passage {
  last: Point;
  /** Over to the right, less over to the left, since it was last clear of the line. */
  net: number;
  /** When it went over. */
  overS: number;
  /** It crossed without having been clear of the line since. */
  isSettled: boolean;
  /** The ways in which its crossing was told. */
  toldIn: boolean;
  toldOut: boolean;
}

export class LineWatch {
  readonly config: LineConfig;
  readonly #course: Course;
  readonly #aspect: number;
  /** By object. */
  readonly #passages = new Map<number, Passage>();

  constructor(config: LineConfig, aspect: number) {
    this.config = config;
    this.#course = new Course(config.points, aspect);
    this.#aspect = aspect;
  }

  /** To be called for each object that is seen in a look. */
  see(object: SceneObject, nowS: number): Happening[] {
    const { classes, anchor = 'base' } = this.config;
    if (classes !== undefined && !classes.includes(object.className)) return [];
    const point = object.place(anchor, this.#aspect);
    const passage = this.#passages.get(object.id);
    if (!passage) {
      this.#passages.set(object.id, { last: point, net: 0, overS: nowS, isSettled: false, toldIn: false, toldOut: false });
      return [];
    }
    const over = this.#course.crossings(passage.last, point);
    passage.last = point;
    passage.net += over;
    if (over !== 0) passage.overS = nowS;
    const isClear = this.#course.distance(point) >= CLEAR_HEIGHTS * object.height;
    if (isClear) passage.isSettled = false;
    else if (passage.net === 0 || passage.isSettled || nowS - passage.overS < SETTLE_S) return [];
    else passage.isSettled = true;
    return this.#take(object, passage);
  }

  end(object: SceneObject, gone: boolean): Happening[] {
    const passage = this.#passages.get(object.id);
    this.#passages.delete(object.id);
    return passage && gone ? this.#take(object, passage) : [];
  }

  #take(object: SceneObject, passage: Passage): Happening[] {
    const { net } = passage;
    passage.net = 0;
    if (net === 0) return [];
    const isIn = net > 0;
    const isAgain = isIn ? passage.toldIn : passage.toldOut;
    if (isIn) passage.toldIn = true;
    else passage.toldOut = true;
    return isAgain && this.config.counts !== 'crossings' ? [] : [{ type: 'line.crossed', object, line: this.config.id, direction: isIn ? 'in' : 'out' }];
  }
}
