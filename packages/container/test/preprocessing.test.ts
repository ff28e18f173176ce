import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COLOUR_MATRIX, COLOUR_RANGE, ringLayout, RuthError, type PixelFormat } from '@ruth/protocol';
import { frameX, frameY, geometryOf, Preprocessor, type InputFormat, type SourceFrame } from '../src/index.ts';

const FORMAT: InputFormat = {
  size: { width: 32, height: 32 }, layout: 'nchw', channels: 'rgb', dtype: 'float32', mean: [0, 0, 0], std: [1, 1, 1], letterbox: 'stretch', fill: 114,
};

/** A frame whose pixels are what `colour` says of each place. */
function frame(width: number, height: number, format: PixelFormat, matrix: number, range: number, colour: (x: number, y: number) => readonly [number, number, number]): SourceFrame {
  const layout = ringLayout(width, height, format, 1);
  const strides = layout.planes.map((plane) => plane.strideBytes);
  const planes = layout.planes.map((plane) => Buffer.alloc(plane.strideBytes * plane.rows));
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) planes[0]![y * strides[0]! + x] = colour(x, y)[0];
  for (let y = 0; y < Math.ceil(height / 2); y++) {
    for (let x = 0; x < Math.ceil(width / 2); x++) {
      const [, cb, cr] = colour(2 * x, 2 * y);
      if (format === 'NV12') [planes[1]![y * strides[1]! + 2 * x], planes[1]![y * strides[1]! + 2 * x + 1]] = [cb, cr];
      else [planes[1]![y * strides[1]! + x], planes[2]![y * strides[2]! + x]] = [cb, cr];
    }
  }
  return { width, height, format, colourMatrix: matrix, colourRange: range, planes, strides };
}

/** The equations of ITU-T H.273, in plain numbers, 0..255. */
function rgbOf([y, cb, cr]: readonly [number, number, number], matrix: number, range: number): [number, number, number] {
  const [kr, kb] = matrix === COLOUR_MATRIX.bt709 ? [0.2126, 0.0722] : matrix === COLOUR_MATRIX.bt2020 ? [0.2627, 0.0593] : [0.299, 0.114];
  const kg = 1 - kr - kb;
  const luma = range === COLOUR_RANGE.full ? y : (y - 16) * 255 / 219;
  const [u, v] = [cb, cr].map((value) => (value - 128) * (range === COLOUR_RANGE.full ? 1 : 255 / 224)) as [number, number];
  return [luma + 2 * (1 - kr) * v, luma - 2 * (1 - kb) * kb / kg * u - 2 * (1 - kr) * kr / kg * v, luma + 2 * (1 - kb) * u]
    .map((value) => Math.min(255, Math.max(0, value))) as [number, number, number];
}

const pass = (): void => undefined;

/** One pixel of the tensor as red, green, blue. */
function pixel({ tensor }: Preprocessor, { size, layout, channels }: InputFormat, x: number, y: number): [number, number, number] {
  const area = size.width * size.height;
  const values = [0, 1, 2].map((channel) => Number(tensor[layout === 'nchw' ? channel * area + y * size.width + x : (y * size.width + x) * 3 + channel]));
  return (channels === 'rgb' ? values : values.reverse()) as [number, number, number];
}

const COLOURS: Record<string, readonly [number, number, number]> = { skin: [150, 110, 150], grass: [90, 90, 100], sky: [170, 150, 110], red: [82, 90, 230], blue: [41, 235, 110], dark: [30, 128, 128], bright: [230, 128, 128] };

test('Colours come out as the matrix and the range of the frame say, within one and a half steps of 8 bits', () => {
  using preprocessor = new Preprocessor(FORMAT);
  for (const matrix of [COLOUR_MATRIX.bt709, COLOUR_MATRIX.smpte170m, COLOUR_MATRIX.bt470bg, COLOUR_MATRIX.bt2020]) {
    for (const range of [COLOUR_RANGE.limited, COLOUR_RANGE.full]) {
      for (const format of ['NV12', 'I420'] as const) {
        for (const [name, colour] of Object.entries(COLOURS)) {
          preprocessor.fillFrom(frame(64, 64, format, matrix, range, () => colour), undefined, pass);
          const found = pixel(preprocessor, FORMAT, 16, 16);
          for (const [channel, value] of rgbOf(colour, matrix, range).entries()) {
            assert.ok(Math.abs(found[channel]! - value) <= 1.5, `${name}, matrix ${matrix}, range ${range}, ${format}: ${found.join(' ')} is not ${rgbOf(colour, matrix, range).join(' ')}`);
          }
        }
      }
    }
  }
});

test('A frame that does not say its matrix counts as BT.709 in HD and as BT.601 below', () => {
  using preprocessor = new Preprocessor(FORMAT);
  for (const [height, matrix] of [[720, COLOUR_MATRIX.bt709], [576, COLOUR_MATRIX.smpte170m]] as const) {
    preprocessor.fillFrom(frame(64, height, 'NV12', COLOUR_MATRIX.unspecified, COLOUR_RANGE.limited, () => COLOURS.red!), undefined, pass);
    const unsaid = pixel(preprocessor, FORMAT, 16, 16);
    preprocessor.fillFrom(frame(64, height, 'NV12', matrix, COLOUR_RANGE.limited, () => COLOURS.red!), undefined, pass);
    assert.deepEqual(unsaid, pixel(preprocessor, FORMAT, 16, 16));
  }
});

test('Layout, channel order, number type and normalisation are those of the manifest', () => {
  const source = frame(64, 64, 'NV12', COLOUR_MATRIX.bt709, COLOUR_RANGE.full, () => [150, 110, 150]);
  const expected = rgbOf([150, 110, 150], COLOUR_MATRIX.bt709, COLOUR_RANGE.full);
  for (const layout of ['nchw', 'nhwc'] as const) {
    for (const channels of ['rgb', 'bgr'] as const) {
      for (const dtype of ['float32', 'uint8', 'int32'] as const) {
        const format: InputFormat = { ...FORMAT, layout, channels, dtype };
        using preprocessor = new Preprocessor(format);
        preprocessor.fillFrom(source, undefined, pass);
        for (const [channel, value] of pixel(preprocessor, format, 5, 9).entries()) assert.ok(Math.abs(value - expected[channel]!) <= 1.5, `${layout} ${channels} ${dtype}`);
      }
      // Mean and std stand in the tensor's order: the first is blue's where the model wants BGR.
      const format: InputFormat = { ...FORMAT, layout, channels, mean: [10, 20, 30], std: [1, 2, 4] };
      using preprocessor = new Preprocessor(format);
      preprocessor.fillFrom(source, undefined, pass);
      const inOrder = channels === 'rgb' ? expected : [...expected].reverse();
      const normalised = inOrder.map((value, index) => (value - format.mean[index]!) / format.std[index]!);
      const found = pixel(preprocessor, format, 5, 9);
      for (const [index, value] of (channels === 'rgb' ? found : found.reverse()).entries()) assert.ok(Math.abs(value - normalised[index]!) <= 1.5, `${layout} ${channels} normalised`);
    }
  }
});

test('The letterbox fills what the picture leaves, and again when a picture of another shape follows', () => {
  const format: InputFormat = { ...FORMAT, letterbox: 'center', fill: 50 };
  using preprocessor = new Preprocessor(format);
  const wide = frame(128, 64, 'NV12', COLOUR_MATRIX.bt709, COLOUR_RANGE.full, () => [200, 128, 128]);
  const tall = frame(64, 128, 'NV12', COLOUR_MATRIX.bt709, COLOUR_RANGE.full, () => [200, 128, 128]);
  const isFill = (x: number, y: number): boolean => pixel(preprocessor, format, x, y).every((value) => value === 50);
  for (let round = 0; round < 2; round++) {
    preprocessor.fillFrom(wide, undefined, pass);
    assert.deepEqual([isFill(16, 7), isFill(16, 8), isFill(16, 23), isFill(16, 24), isFill(0, 16)], [true, false, false, true, false]);
    preprocessor.fillFrom(tall, undefined, pass);
    assert.deepEqual([isFill(7, 16), isFill(8, 16), isFill(23, 16), isFill(24, 16), isFill(16, 0)], [true, false, false, true, false]);
  }
  using topLeft = new Preprocessor({ ...format, letterbox: 'top-left' });
  topLeft.fillFrom(wide, undefined, pass);
  assert.ok(pixel(topLeft, format, 16, 0)[0] > 100 && pixel(topLeft, format, 16, 16)[0] === 50);
});

test('A region is cut out where it says, of frames of any size, odd ones too', () => {
  using preprocessor = new Preprocessor(FORMAT);
  for (const [width, height] of [[640, 360], [641, 361], [99, 77]] as const) {
    for (const format of ['NV12', 'I420'] as const) {
      // Bright red in the lower right quarter alone.
      const source = frame(width, height, format, COLOUR_MATRIX.bt709, COLOUR_RANGE.full, (x, y) => (x >= width / 2 && y >= height / 2 ? [120, 100, 200] : [20, 128, 128]));
      preprocessor.fillFrom(source, [0.6, 0.6, 1, 1], pass);
      const red = rgbOf([120, 100, 200], COLOUR_MATRIX.bt709, COLOUR_RANGE.full);
      for (const [x, y] of [[0, 0], [31, 0], [0, 31], [31, 31]] as const) {
        for (const [channel, value] of pixel(preprocessor, FORMAT, x, y).entries()) assert.ok(Math.abs(value - red[channel]!) <= 2, `${width}x${height} ${format} at ${x},${y}: ${value}`);
      }
      preprocessor.fillFrom(source, [0, 0, 0.4, 1], pass);
      assert.ok(pixel(preprocessor, FORMAT, 31, 31)[0] < 25);
    }
  }
});

test('When the frame was overtaken the tensor is not made: the caller hears of it at once', () => {
  using preprocessor = new Preprocessor(FORMAT);
  const source = frame(64, 64, 'NV12', COLOUR_MATRIX.bt709, COLOUR_RANGE.full, () => [200, 128, 128]);
  assert.throws(() => preprocessor.fillFrom(source, undefined, () => { throw new RuthError('frame_overwritten', 'gone'); }), { code: 'frame_overwritten' });
});

test('A place in the input maps back to the place in the frame that it shows', () => {
  for (const mode of ['center', 'top-left', 'stretch'] as const) {
    for (const roi of [undefined, [0.25, 0.5, 0.75, 1] as [number, number, number, number]]) {
      const geometry = geometryOf({ width: 1920, height: 1080 }, { width: 640, height: 640 }, mode, roi);
      const [left, top, right, bottom] = roi ?? [0, 0, 1, 1];
      const { x, y, width, height } = geometry.placed;
      const corners = [frameX(geometry, x), frameY(geometry, y), frameX(geometry, x + width), frameY(geometry, y + height)];
      for (const [index, share] of [left, top, right, bottom].entries()) assert.ok(Math.abs(corners[index]! - share) < 0.002, `${mode}: ${corners.join(' ')}`);
      // What lies beyond the region was not seen.
      assert.equal(frameX(geometry, -1e6), left);
      assert.equal(frameY(geometry, 1e6), bottom);
    }
  }
});
