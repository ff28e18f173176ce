// Turning the axes of a constant at conversion time, so that nothing is turned at every inference.
import type { Constant } from './tfjs-graph.ts';

/** The constant with axis `order[i]` as its i-th axis. */
export function permute(constant: Constant, order: readonly number[]): Constant {
  const strides = constant.shape.map((_, axis) => constant.shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const shape = order.map((axis) => constant.shape[axis]!);
  const steps = order.map((axis) => strides[axis]!);
  const data = constant.data.slice();
  let written = 0;
  const walk = (axis: number, offset: number): void => {
    if (axis === shape.length) {
      data[written++] = constant.data[offset]!;
      return;
    }
    for (let index = 0; index < shape[axis]!; index++) walk(axis + 1, offset + index * steps[axis]!);
  };
  walk(0, 0);
  return { shape, data };
}
