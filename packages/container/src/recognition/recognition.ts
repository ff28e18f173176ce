// From a file nobody has vouched for to what it is: reads its graph, runs it once for its true shapes, and tries on pictures what
// the shapes leave open. Says too where it cannot say.
import { OUTPUT_FORMATS, RuthError, type Manifest, type RecognitionReport, type RecognitionTask } from '@ruth/protocol';
import { readOnnxGraph, type OnnxGraph } from '../onnx/onnx-graph.ts';
import { Preprocessor } from '../preprocess/preprocessor.ts';
import { FrameSource } from '../session/frame-source.ts';
import { OnnxSession } from '../session/onnx-session.ts';
import { modelInput, portText, type ModelInput } from './model-input.ts';
import { type InputConvention, type Reading, RGB_UNIT, STRETCHED } from './reading.ts';
import { recognise, type OutputShapes } from './recognise.ts';
import { modelOf, tryWays, type TrialPicture, type TriedWay } from './trial.ts';

/** A way that another beats by less is as good: what the family was trained with then decides. A vector tells less than boxes do. */
const AS_GOOD = { detections: 0.93, vectors: 0.7 } as const;
/** Below it a model has shown nothing. */
const SAW_SOMETHING = 0.1;

/** Throws `model_invalid`: what was seen, and what would be right. */
export async function recogniseModel(task: RecognitionTask, report: (text: string) => void): Promise<RecognitionReport> {
  const begun = performance.now();
  const graph = readOnnxGraph(task.weights);
  const input = modelInput(graph);
  report(`loading ${graph.path}`);
  await using session = await OnnxSession.create({ ...modelOf(BARE, input.size), manifest: manifestOf(BARE, RGB_UNIT(STRETCHED), input), weightsPath: task.weights }, 1);
  const { shapes, inferenceMs } = await runBlank(session);
  const { readings, problem } = recognise(graph, shapes, input.size, task.file_name);
  const fitting = narrowed(readings, task);
  if (fitting.length === 0) throw new RuthError('model_invalid', notRecognised(graph, problem, readings, task));
  using frames = new FrameSource(task.ring_directory);
  const pictures = task.pictures.map((reference): TrialPicture => ({ frame: frames.frame({ frameReference: reference, frameId: 0 }), mirrored: frames.frame({ frameReference: reference, frameId: 1 }) }));
  const ways = fitting.reduce((sum, { conventions }) => sum + conventions.length, 0);
  const affordable = Math.max(2, Math.floor((task.limit_ms - (performance.now() - begun)) / 2 / (2 * ways * inferenceMs)));
  const tried = await tryWays(session, fitting, pictures.slice(0, affordable), (done, of) => report(`trying ${ways} ${ways === 1 ? 'way' : 'ways'}: ${done} of ${of} looks`));
  const { way, certain, note } = decide(fitting, tried);
  return {
    manifest: manifestOf(way.reading, way.convention, input), family: way.reading.family, because: way.reading.because, certain,
    tried: tried.toSorted((a, b) => b.score - a.score).map((one) => ({ way: wayText(one), score: rounded(one.score), gave: one.gave })),
    notes: [...way.reading.notes, ...(input.openSize ? [`it takes pictures of any size; ${input.size.width}x${input.size.height} is chosen (expected_resolution)`] : []), ...(note === null ? [] : [note])],
    saw: { inputs: graph.inputs.map(portText), outputs: graph.outputs.slice(0, 40).map(portText), producer: graph.producer, opset: graph.opset, parameters: graph.parameters, bytes: graph.bytes },
    ...said(graph), inference_ms: rounded(inferenceMs),
  };
}

const BARE: Reading = { family: '', schema: { format: 'custom' }, tasks: ['custom'], conventions: [], thresholds: {}, because: '', notes: [] };

async function runBlank(session: OnnxSession): Promise<{ shapes: OutputShapes; inferenceMs: number }> {
  using blank = new Preprocessor(session.input);
  blank.fillBlank();
  session.bind(blank.tensor);
  await session.run();
  const begun = performance.now();
  const outputs = await session.run();
  return { shapes: new Map(Object.entries(outputs).map(([name, { dims }]) => [name, [...dims]])), inferenceMs: Math.max(0.1, performance.now() - begun) };
}

/** What a person said outweighs what shapes tell. */
function narrowed(readings: readonly Reading[], { format, names }: RecognitionTask): Reading[] {
  if (format !== undefined && !(OUTPUT_FORMATS as readonly string[]).includes(format)) throw new RuthError('bad_request', `${format} is no output format; known: ${OUTPUT_FORMATS.join(', ')}`);
  return readings.filter(({ schema }) => format === undefined || schema.format === format).map((reading) => {
    if (names === undefined) return reading;
    return { ...reading, schema: { ...reading.schema, classes: [...names] }, notes: reading.notes.filter((note) => !note.includes('output_schema.classes')) };
  });
}

function notRecognised(graph: OnnxGraph, problem: string | null, readings: readonly Reading[], { format }: RecognitionTask): string {
  if (readings.length > 0) return `${graph.path}: its outputs do not fit the format ${format}; they fit ${readings.map(({ schema }) => schema.format).join(' or ')}`;
  return `${graph.path} is not recognised: ${problem}. Write a model.yaml beside it (docs/models.md) with output_schema.format, input_format, normalization and letterbox, and add the folder; or serve it by a container of your own`;
}

/** The way that its family was trained with, unless another is clearly better. */
function decide(readings: readonly Reading[], tried: readonly TriedWay[]): { way: TriedWay; certain: boolean; note: string | null } {
  const only = readings.length === 1 && readings[0]!.conventions.length === 1;
  const ranked = tried.toSorted((a, b) => b.score - a.score);
  const best = ranked[0]!;
  const likeliest = tried.find(({ reading, convention }) => reading === readings[0] && convention === readings[0].conventions[0]) ?? best;
  if (only && !(best.score < SAW_SOMETHING && ambiguous(likeliest.reading))) return { way: likeliest, certain: true, note: best.score < SAW_SOMETHING && !/embedding|classification/.test(likeliest.reading.schema.format) ? 'it saw nothing sure on these pictures: give --samples that show what it finds' : null };
  if (best.score < SAW_SOMETHING) return { way: likeliest, certain: false, note: 'none of the ways saw anything sure on these pictures: give --samples that show what it finds' };
  const asGoodShare = best.reading.schema.format === 'embedding' || best.reading.schema.format === 'classification' ? AS_GOOD.vectors : AS_GOOD.detections;
  // In the order in which a family makes them likely.
  const asGood = tried.toSorted((a, b) => order(readings, a) - order(readings, b)).find(({ score }) => score >= asGoodShare * best.score)!;
  const rival = ranked.find((one) => one !== asGood && one.score >= asGoodShare * best.score);
  return { way: asGood, certain: true, note: rival ? `${wayText(rival)} does as well on these pictures (${rounded(rival.score)} and ${rounded(asGood.score)}); ${wayText(asGood)} is what such models are usually trained with` : null };
}

/** A shape that many things have: alone it proves nothing. */
const ambiguous = ({ schema, family }: Reading): boolean => (schema.format === 'detr' || schema.format === 'ssd') && !/YOLO|Ultralytics/.test(family);

function order(readings: readonly Reading[], { reading, convention }: TriedWay): number {
  return readings.indexOf(reading) * 100 + reading.conventions.findIndex(({ name }) => name === convention.name);
}

function wayText({ reading, convention }: { reading: Reading; convention: InputConvention }): string {
  const form = [reading.schema.activation, reading.schema.box_order, reading.schema.normalized_boxes === undefined ? undefined : reading.schema.normalized_boxes ? 'shares' : 'pixels'].filter((part) => part !== undefined);
  return `${reading.schema.format}${form.length > 0 ? ` (${form.join(', ')})` : ''}, ${convention.name}, ${convention.letterbox}`;
}

function manifestOf({ schema, tasks, thresholds }: Reading, { channels, mean, std, letterbox, fill }: InputConvention, { size, layout, dtype }: ModelInput): Manifest {
  return {
    supported_tasks: tasks, output_schema: schema, input_format: { layout, channels, dtype }, expected_resolution: { ...size },
    normalization: { mean: [...mean], std: [...std] }, letterbox: { mode: letterbox, fill }, ...thresholds,
  } as unknown as Manifest;
}

function said({ metadata }: OnnxGraph): Pick<RecognitionReport, 'description' | 'author' | 'license' | 'version'> {
  const of = (key: string, most: number) => (metadata.get(key) ? { [key]: metadata.get(key)!.slice(0, most) } : {});
  return { ...of('description', 1000), ...of('author', 200), ...of('license', 300), ...of('version', 64) };
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000;
