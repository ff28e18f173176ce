// Operations over the rows and columns of a picture: scaling it, and the mean over it.
import type { Operator, OperatorTable } from '../conversion.ts';

const resize = (mode: 'linear' | 'nearest'): Operator => (node, conversion) => {
  const { onnx } = conversion;
  const halfPixel = node.flag('half_pixel_centers');
  const size = onnx.integers(conversion.numbers(node, 1));
  onnx.node('Resize', [conversion.nchw(node.inputs[0]!), '', '', size], [conversion.define(node.name, 'nchw')], {
    mode, axes: [2, 3],
    coordinate_transformation_mode: node.flag('align_corners') ? 'align_corners' : halfPixel ? 'half_pixel' : 'asymmetric',
    ...(mode === 'nearest' ? { nearest_mode: halfPixel ? 'round_prefer_ceil' : 'floor' } : {}),
  });
};

const mean: Operator = (node, conversion) => {
  const { onnx } = conversion;
  const [value] = node.inputs as [string];
  const axes = conversion.numbers(node, 1);
  const keep = node.flag('keep_dims');
  const overPicture = conversion.has(value, 'nchw') && axes.map((axis) => (axis + 4) % 4).sort().join() === '1,2';
  if (overPicture) {
    onnx.node('ReduceMean', [conversion.nchw(value), onnx.integers([2, 3])], [conversion.define(node.name, keep ? 'nchw' : 'plain')], { keepdims: keep ? 1 : 0 });
  } else {
    onnx.node('ReduceMean', [conversion.plain(value), onnx.integers(axes)], [conversion.define(node.name)], { keepdims: keep ? 1 : 0 });
  }
};

export const SPATIAL: OperatorTable = {
  ResizeBilinear: resize('linear'), ResizeNearestNeighbor: resize('nearest'), Mean: mean,
};
