// What a model may be, by the shapes and names of its outputs, its operations and its metadata: the readings that fit, likeliest
// first. Where several do, or pixels can be meant in several ways, a trial on pictures decides (trial.ts).
import type { Size } from '../preprocess/geometry.ts';
import type { OnnxGraph } from '../onnx/onnx-graph.ts';
import { YUNET_KEYPOINTS } from '../decode/yunet.ts';
import { COCO_80, COCO_91, PERSON_KEYPOINTS, PERSON_SKELETON } from './known-names.ts';
import {
  BGR_BYTE, BGR_UNIT, CENTRED, CENTRED_IN_BLACK, CORNERED, RGB_BYTE, RGB_IMAGENET, RGB_SIGNED, RGB_UNIT, STRETCHED, type InputConvention, type OutputFormat, type Reading,
} from './reading.ts';
import { ultralyticsExport, type UltralyticsExport } from './ultralytics.ts';

/** Shapes of the outputs as a run gave them, by name, in order. */
export type OutputShapes = ReadonlyMap<string, readonly number[]>;

export interface Recognition {
  readonly readings: readonly Reading[];
  /** Why none fits, where none does. */
  readonly problem: string | null;
}

interface Seen { readonly graph: OnnxGraph; readonly shapes: OutputShapes; readonly size: Size; readonly ultralytics: UltralyticsExport | null; readonly fileName: string }

const MOST_QUERIES = 1500;
const FEWEST_QUERIES = 20;
const RULES: readonly ((seen: Seen) => Reading[])[] = [yunet, ready, queries, movenet, rows, yolo, jointQueries, vector];

export function recognise(graph: OnnxGraph, shapes: OutputShapes, size: Size, fileName: string): Recognition {
  const seen: Seen = { graph, shapes, size, ultralytics: ultralyticsExport(graph), fileName };
  const unreadable = unreadableTask(seen);
  if (unreadable !== null) return { readings: [], problem: unreadable };
  for (const rule of RULES) {
    const readings = rule(seen);
    if (readings.length > 0) return { readings, problem: null };
  }
  const text = [...shapes].map(([name, shape]) => `${name} [${shape.join(', ')}]`).join(', ');
  return { readings: [], problem: `its outputs are ${text} for a picture of ${size.width}x${size.height}, which is none of the forms that are known here` };
}

function unreadableTask({ ultralytics }: Seen): string | null {
  if (ultralytics?.task === 'segment') return 'it segments, and masks cannot be read yet: export the detector of the same family';
  if (ultralytics?.task === 'obb') return 'it finds turned boxes, which cannot be read yet: export the detector of the same family';
  return null;
}

function yunet({ shapes }: Seen): Reading[] {
  if (![8, 16, 32].every((stride) => ['cls', 'obj', 'bbox', 'kps'].every((name) => shapes.has(`${name}_${stride}`)))) return [];
  return [{
    family: 'YuNet', tasks: ['detect', 'pose'], schema: { format: 'yunet', classes: ['face'], keypoint_names: [...YUNET_KEYPOINTS] }, conventions: [BGR_BYTE(CORNERED)],
    thresholds: { confidence_threshold: 0.6, nms_iou_threshold: 0.3, max_detections: 300 }, because: 'outputs cls, obj, bbox and kps of strides 8, 16 and 32', notes: [],
  }];
}

/** Boxes, scores and classes apart. */
function ready({ graph, shapes, ultralytics }: Seen): Reading[] {
  const named = (pattern: RegExp) => [...shapes].find(([name]) => pattern.test(name));
  const [boxes, scores, classes] = [named(/box/i), named(/score/i), named(/class|label/i)];
  const rows = count(scores?.[1]);
  if (!boxes || !scores || !classes || rows < 1 || count(boxes[1]) !== 4 * rows || count(classes[1]) !== rows) return [];
  const tensorFlow = boxes[0].startsWith('detection_');
  const sized = graph.inputs.some(({ name }) => /^orig(inal)?_(target_)?sizes?$/i.test(name));
  const forms = tensorFlow ? [{ box_order: 'yxyx', normalized_boxes: true }] as const
    : sized ? [{ box_order: 'xyxy', normalized_boxes: false }] as const
      : [{ box_order: 'xyxy', normalized_boxes: false }, { box_order: 'xyxy', normalized_boxes: true }, { box_order: 'yxyx', normalized_boxes: true }] as const;
  const names = ultralytics?.names ?? (sized ? COCO_80 : COCO_91);
  return forms.map((form) => ({
    family: tensorFlow ? 'SSD of TensorFlow' : sized ? 'RT-DETR, D-FINE or DEIM' : 'SSD', tasks: ['detect'], schema: { format: 'ssd', ...form, classes: [...names] },
    conventions: sized ? [RGB_UNIT(STRETCHED), RGB_IMAGENET(STRETCHED)] : [RGB_BYTE(STRETCHED), RGB_UNIT(STRETCHED), RGB_SIGNED(STRETCHED), RGB_IMAGENET(STRETCHED), BGR_BYTE(STRETCHED)],
    thresholds: { confidence_threshold: 0.4, nms_iou_threshold: 0.6, max_detections: 100 }, because: `outputs ${boxes[0]}, ${scores[0]} and ${classes[0]} of ${rows} things`,
    notes: ultralytics?.names ? [] : [`class names are taken to be those of COCO (${names.length}): check output_schema.classes`],
  }));
}

/** Boxes and class logits of queries, apart. */
function queries({ shapes, ultralytics }: Seen): Reading[] {
  const threes = [...shapes].filter(([, shape]) => shape.length === 3 && shape[0] === 1 && shape[1]! <= MOST_QUERIES);
  const boxes = threes.find(([name, shape]) => shape[2] === 4 && /box|dets?$/i.test(name));
  const scores = boxes && threes.find(([name, shape]) => name !== boxes[0] && shape[1] === boxes[1][1] && /logit|label|class|score/i.test(name));
  if (!boxes || !scores) return [];
  const columns = scores[1][2]!;
  const reading = (activation: 'sigmoid' | 'softmax'): Reading => {
    const classes = columns - (activation === 'softmax' ? 1 : 0);
    const named = classNames(classes, ultralytics);
    return {
      family: activation === 'softmax' ? 'DETR' : 'RT-DETR or RF-DETR', tasks: ['detect'], schema: { format: 'detr', activation, ...named.schema },
      conventions: activation === 'softmax' || boxes[0] === 'dets' ? [RGB_IMAGENET(STRETCHED), RGB_UNIT(STRETCHED)] : [RGB_UNIT(STRETCHED), RGB_IMAGENET(STRETCHED)],
      thresholds: { confidence_threshold: 0.5, max_detections: 100 }, because: `outputs ${boxes[0]} and ${scores[0]} of ${boxes[1][1]} queries with ${columns} classes`, notes: named.notes,
    };
  };
  if (columns === 92) return [reading('softmax')];
  if (columns === 80 || columns === 91) return [reading('sigmoid')];
  return [reading('sigmoid'), reading('softmax')];
}

function movenet({ shapes }: Seen): Reading[] {
  const found = [...shapes].find(([, shape]) => shape.length === 4 && shape[0] === 1 && shape[1] === 1 && shape[3] === 3 && shape[2]! >= 4);
  if (!found) return [];
  const [output, shape] = found;
  return [{
    family: 'MoveNet', tasks: ['pose'], schema: { format: 'movenet', output, classes: ['person'], ...keypoints(shape[2]!) }, conventions: [RGB_BYTE(CENTRED_IN_BLACK)],
    thresholds: { confidence_threshold: 0.2, max_detections: 1 }, because: `output ${output} [${shape.join(', ')}]: y, x and score of ${shape[2]} keypoints`,
    notes: ['it sees one person that fills the picture: run it on the boxes of a detector (regions)'],
  }];
}

/** `[box, score, class]`, of a model that thins overlap itself. */
function rows({ shapes, ultralytics, size }: Seen): Reading[] {
  const keypointColumns = ultralytics?.keypointShape?.[1] === 3 ? 3 * ultralytics.keypointShape[0] : 0;
  const found = [...shapes].find(([, shape]) => shape.length >= 2 && shape.length <= 3 && shape.at(-1) === 6 + keypointColumns && shape.at(-2)! <= MOST_QUERIES && !isGrid(shape.at(-2)!, size));
  if (!found) return [];
  const [output, shape] = found;
  const names = ultralytics?.names ?? COCO_80;
  const forms = ultralytics ? [{ box_order: 'xyxy', normalized_boxes: false }] as const
    : [{ box_order: 'xyxy', normalized_boxes: false }, { box_order: 'xyxy', normalized_boxes: true }, { box_order: 'yxyx', normalized_boxes: true }] as const;
  return forms.map((form) => ({
    family: ultralytics ? familyOf(ultralytics) : 'rows of box, score and class', tasks: keypointColumns > 0 ? ['detect', 'pose'] : ['detect'],
    schema: { format: 'ssd', output, ...form, classes: [...names], ...(keypointColumns > 0 ? keypoints(keypointColumns / 3) : {}) },
    conventions: ultralytics ? [RGB_UNIT(CENTRED)] : [RGB_UNIT(CENTRED), RGB_BYTE(CENTRED), BGR_BYTE(CENTRED), RGB_IMAGENET(CENTRED)],
    thresholds: { confidence_threshold: ultralytics ? 0.25 : 0.4, nms_iou_threshold: ultralytics ? 0.7 : 0.6, max_detections: 300 }, because: `output ${output} [${shape.join(', ')}]: at most ${shape.at(-2)} ready boxes`,
    notes: ultralytics ? [] : ['class names are taken to be those of COCO (80): check output_schema.classes'],
  }));
}

/** Places of grids: v8 with quantities first, v5 and YOLOX with places first. */
function yolo(seen: Seen): Reading[] {
  const { shapes, size, ultralytics } = seen;
  const found = [...shapes].find(([, shape]) => shape.length === 3 && shape[0] === 1 && (isGrid(shape[1]!, size) || isGrid(shape[2]!, size)));
  if (!found) return [];
  const [output, [, second, third]] = found as [string, [number, number, number]];
  const because = `output ${output} [1, ${second}, ${third}] for a picture of ${size.width}x${size.height}`;
  const base = { because, tasks: ['detect'] as Reading['tasks'] };
  const named = shapes.size > 1 ? { output } : {};
  if (isGrid(third, size)) {
    const points = ultralytics?.task === 'pose' ? ultralytics.keypointShape : second === 4 + 1 + 3 * PERSON_KEYPOINTS.length ? [PERSON_KEYPOINTS.length, 3] as const : null;
    if (points && points[1] === 3) {
      return [{
        ...base, family: familyOf(ultralytics) ?? 'YOLOv8 pose', tasks: ['detect', 'pose'], schema: { format: 'yolov8-pose', ...named, classes: ultralytics?.names ? [...ultralytics.names] : ['person'], ...keypoints(points[0]) },
        conventions: [RGB_UNIT(CENTRED)], thresholds: { confidence_threshold: 0.25, nms_iou_threshold: 0.7, max_detections: 300 }, notes: [],
      }];
    }
    const names = classNames(second - 4, ultralytics);
    return [{
      ...base, family: familyOf(ultralytics) ?? 'YOLOv8 or a later one', schema: { format: 'yolov8', ...named, ...names.schema }, conventions: ultralytics ? [RGB_UNIT(CENTRED)] : [RGB_UNIT(CENTRED), RGB_BYTE(CENTRED), BGR_UNIT(CENTRED)],
      thresholds: { confidence_threshold: 0.25, nms_iou_threshold: 0.7, max_detections: 300 }, notes: names.notes,
    }];
  }
  const names = classNames(third - 5, ultralytics);
  const reading = (family: string, format: OutputFormat, conventions: readonly InputConvention[], nms: number): Reading => ({
    ...base, family, schema: { format, ...named, ...names.schema }, conventions, thresholds: { confidence_threshold: 0.25, nms_iou_threshold: nms, max_detections: 300 }, notes: names.notes,
  });
  if (third < 6) return [];
  if (ultralytics || second !== gridPlaces(size)) return [reading(familyOf(ultralytics) ?? 'YOLOv5 or v7', 'yolov5', ultralytics ? [RGB_UNIT(CENTRED)] : [RGB_UNIT(CENTRED), RGB_BYTE(CENTRED), BGR_UNIT(CENTRED)], 0.45)];
  // YOLOX before and after its grids were reckoned in; YOLOv6 looks like the second.
  return [
    reading('YOLOX', 'yolox', [BGR_BYTE(CORNERED), RGB_BYTE(CORNERED), RGB_IMAGENET(CORNERED), RGB_UNIT(CORNERED)], 0.65),
    reading('YOLOX with its grids reckoned in, or YOLOv6', 'yolov5', [BGR_BYTE(CORNERED), RGB_UNIT(CENTRED), RGB_BYTE(CORNERED)], 0.65),
  ];
}

/** Queries as one tensor: RT-DETR of Ultralytics. */
function jointQueries({ shapes, ultralytics }: Seen): Reading[] {
  const found = [...shapes].find(([, shape]) => shape.length === 3 && shape[0] === 1 && shape[1]! >= FEWEST_QUERIES && shape[1]! <= MOST_QUERIES && shape[2]! >= 5);
  if (!found) return [];
  const [output, shape] = found;
  const names = classNames(shape[2]! - 4, ultralytics);
  return [{
    family: 'RT-DETR', tasks: ['detect'], schema: { format: 'detr', ...(shapes.size > 1 ? { output } : {}), activation: 'none', ...names.schema }, conventions: [RGB_UNIT(STRETCHED)],
    thresholds: { confidence_threshold: 0.4, max_detections: 100 }, because: `output ${output} [${shape.join(', ')}]: ${shape[1]} queries`, notes: names.notes,
  }];
}

/** One number for each class, or one vector. */
function vector({ graph, shapes, size, ultralytics, fileName }: Seen): Reading[] {
  const found = [...shapes].find(([, shape]) => shape[0] === 1 && shape.filter((length) => length > 1).length === 1);
  if (!found) return [];
  const [output, shape] = found;
  const length = count(shape);
  const named = shapes.size > 1 ? { output } : {};
  const made = `output ${output} [${shape.join(', ')}]`;
  const classify: Reading = {
    family: familyOf(ultralytics) ?? 'classifier', tasks: ['classify'], schema: { format: 'classification', ...named, ...(ultralytics?.names ? { classes: [...ultralytics.names] } : {}) },
    conventions: ultralytics ? [RGB_UNIT(STRETCHED)] : [RGB_IMAGENET(STRETCHED), RGB_UNIT(STRETCHED), RGB_BYTE(STRETCHED), RGB_SIGNED(STRETCHED), BGR_BYTE(STRETCHED)],
    thresholds: { confidence_threshold: 0.3, max_detections: 5 }, because: `${made}: one score for each of ${length} classes`,
    notes: ultralytics?.names ? [] : ['class names are not known: give output_schema.classes or class_names_file'],
  };
  const face = size.width === size.height && size.width <= 160;
  const ways = [RGB_IMAGENET(STRETCHED), RGB_UNIT(STRETCHED), RGB_SIGNED(STRETCHED), RGB_BYTE(STRETCHED), BGR_BYTE(STRETCHED)];
  const embed: Reading = {
    family: face ? 'embedding of faces' : 'embedding (re-identification)', tasks: ['embed'], schema: { format: 'embedding', ...named, classes: [face ? 'face' : 'person'] },
    conventions: face ? [ways[2]!, ways[1]!, ways[0]!, ways[3]!, ways[4]!] : ways, thresholds: { max_detections: 1 }, because: `${made}: a vector of ${length} numbers of a picture of ${size.width}x${size.height}`,
    notes: [`it wants one ${face ? 'face' : 'person'} that fills the picture: run it on the boxes of a detector (regions)`],
  };
  const classifies = ultralytics?.task === 'classify' || graph.madeBy.get(output) === 'Softmax' || length === 1000 || length === 1001 || /prob|softmax|logits/i.test(output);
  const embeds = /embed|feat|descriptor/i.test(output) || /re-?id|osnet|arcface|embed|facenet/i.test(fileName) || size.height === 2 * size.width || (size.width === 112 && size.height === 112);
  if (classifies) return [classify];
  if (embeds) return [embed];
  // A power of two is what people choose for a vector; it proves nothing.
  return length >= 64 && Number.isInteger(Math.log2(length)) ? [embed, classify] : [classify, embed];
}

function classNames(classes: number, ultralytics: UltralyticsExport | null): { schema: { classes?: string[] }; notes: string[] } {
  if (ultralytics?.names?.length === classes) return { schema: { classes: [...ultralytics.names] }, notes: [] };
  if (classes === 80 || classes === 91) return { schema: { classes: [...classes === 80 ? COCO_80 : COCO_91] }, notes: [`class names are taken to be those of COCO (${classes}): check output_schema.classes`] };
  return { schema: {}, notes: [`the names of its ${classes} classes are not known: give output_schema.classes or class_names_file (or --names <file>)`] };
}

function keypoints(points: number): { keypoint_names: string[]; skeleton?: [string, string][] } {
  if (points === PERSON_KEYPOINTS.length) return { keypoint_names: [...PERSON_KEYPOINTS], skeleton: PERSON_SKELETON.map(([from, to]) => [from, to]) };
  return { keypoint_names: Array.from({ length: points }, (_, index) => `point_${index}`) };
}

/** E.g. `YOLO11n` of "Ultralytics YOLO11n model trained on coco.yaml". */
function familyOf<T extends UltralyticsExport | null>(said: T): T extends null ? null : string {
  if (said === null) return null as never;
  return (/Ultralytics (\S+) model/.exec(said.description ?? '')?.[1] ?? 'Ultralytics YOLO') as never;
}

/** One place for each cell of strides 8, 16 and 32. */
function gridPlaces({ width, height }: Size, strides: readonly number[] = [8, 16, 32]): number {
  return strides.reduce((sum, stride) => sum + Math.floor(width / stride) * Math.floor(height / stride), 0);
}

/** One place or three a cell, of three strides or of four. */
function isGrid(places: number, size: Size): boolean {
  return [gridPlaces(size), gridPlaces(size, [8, 16, 32, 64])].some((one) => places > 0 && (places === one || places === 3 * one));
}

function count(shape: readonly number[] | undefined): number {
  return shape?.reduce((product, length) => product * length, 1) ?? 0;
}
