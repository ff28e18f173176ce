// Where things are drawn: the picture in its element, boxes in the picture, labels at their boxes.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { boxIn, classColour, containedRectangle, placeLabels, type Rectangle } from '@ruth/web';
import fc from 'fast-check';

const overlap = (a: Rectangle, b: Rectangle): boolean => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

describe('the rectangle of a contained picture', () => {
  it('leaves bars at the sides of a narrow picture and above and below a wide one', () => {
    assert.deepEqual(containedRectangle({ width: 200, height: 100 }, { width: 100, height: 100 }), { x: 50, y: 0, width: 100, height: 100 });
    assert.deepEqual(containedRectangle({ width: 100, height: 100 }, { width: 400, height: 200 }), { x: 0, y: 25, width: 100, height: 50 });
  });

  it('is empty before the picture or the element has a size', () => {
    assert.equal(containedRectangle({ width: 0, height: 100 }, { width: 4, height: 3 }).width, 0);
    assert.equal(containedRectangle({ width: 100, height: 100 }, { width: 0, height: 0 }).width, 0);
  });

  it('keeps the shape, stays inside and touches two opposite sides, whatever the sizes', () => {
    const size = fc.record({ width: fc.integer({ min: 1, max: 8000 }), height: fc.integer({ min: 1, max: 8000 }) });
    fc.assert(fc.property(size, size, (element, picture) => {
      const frame = containedRectangle(element, picture);
      assert.ok(Math.abs(frame.width * picture.height - frame.height * picture.width) < 1e-6 * element.width * picture.height + 1e-6);
      assert.ok(frame.x >= -1e-9 && frame.y >= -1e-9 && frame.x + frame.width <= element.width + 1e-6 && frame.y + frame.height <= element.height + 1e-6);
      assert.ok(Math.min(element.width - frame.width, element.height - frame.height) < 1e-6);
    }));
  });

  it('is what normalised boxes are measured in', () => {
    assert.deepEqual(boxIn({ x: 10, y: 20, width: 100, height: 200 }, [0.1, 0.5, 0.3, 1]), { x: 20, y: 120, width: 20, height: 100 });
  });
});

describe('a label', () => {
  const bounds = { x: 0, y: 0, width: 400, height: 300 };
  const label = { width: 80, height: 16 };

  it('stands above its box, or below where there is no room above, or inside where there is neither', () => {
    const placeAt = (y: number, height: number): number => placeLabels([{ box: { x: 50, y, width: 60, height }, ...label }], bounds)[0]!.y;
    assert.deepEqual([placeAt(100, 90), placeAt(4, 90), placeAt(4, 290)], [84, 94, 4]);
  });

  it('keeps off other boxes where it can', () => {
    const boxes = [{ x: 50, y: 100, width: 60, height: 90 }, { x: 50, y: 40, width: 60, height: 58 }];
    assert.deepEqual(placeLabels([{ box: boxes[0]!, ...label }, { box: boxes[1]!, ...label }], bounds).map((place) => place.y), [190, 24]);
  });

  it('gives way to a label that was placed before it', () => {
    const box = { x: 50, y: 100, width: 60, height: 90 };
    const [first, second] = placeLabels([{ box, ...label }, { box: { ...box, x: 60 }, ...label }], bounds);
    assert.ok(!overlap(first!, second!));
  });

  it('never leaves the picture where it fits into it', () => {
    const box = fc.record({ x: fc.integer({ min: -20, max: 400 }), y: fc.integer({ min: -20, max: 300 }), width: fc.integer({ min: 1, max: 400 }), height: fc.integer({ min: 1, max: 300 }) });
    fc.assert(fc.property(fc.array(box, { maxLength: 30 }), (boxes) => {
      for (const place of placeLabels(boxes.map((each) => ({ box: each, ...label })), bounds)) {
        assert.ok(place.x >= 0 && place.y >= 0 && place.x + place.width <= bounds.width && place.y + place.height <= bounds.height);
      }
    }));
  });
});

describe('the colour of a class', () => {
  it('is the same for the same name, and differs among what is watched for most', () => {
    assert.equal(classColour('zebra'), classColour('zebra'));
    assert.equal(new Set(['person', 'car', 'bicycle', 'truck', 'dog'].map(classColour)).size, 5);
  });

  it('is light enough for near-black text on it (contrast of 7 or more)', () => {
    const luminance = (hex: string): number => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)).reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index]!, 0);
    for (let index = 0; index < 100; index++) assert.ok((luminance(classColour(`class ${index}`)) + 0.05) / (luminance('#0b1016') + 0.05) >= 7);
  });
});
