// Where in its element a picture lies when it is shown whole (`object-fit: contain`).

export interface Rectangle { readonly x: number; readonly y: number; readonly width: number; readonly height: number }

/** All in the same unit, CSS pixels; the picture keeps its shape and is centred. Empty where either size is. */
export function containedRectangle(element: { width: number; height: number }, picture: { width: number; height: number }): Rectangle {
  if (element.width <= 0 || element.height <= 0 || picture.width <= 0 || picture.height <= 0) return { x: 0, y: 0, width: 0, height: 0 };
  const scale = Math.min(element.width / picture.width, element.height / picture.height);
  const width = picture.width * scale;
  const height = picture.height * scale;
  return { x: (element.width - width) / 2, y: (element.height - height) / 2, width, height };
}

/** A normalised box `[x_min, y_min, x_max, y_max]` inside `frame`. */
export function boxIn(frame: Rectangle, [xMin, yMin, xMax, yMax]: readonly [number, number, number, number]): Rectangle {
  return { x: frame.x + xMin * frame.width, y: frame.y + yMin * frame.height, width: (xMax - xMin) * frame.width, height: (yMax - yMin) * frame.height };
}
