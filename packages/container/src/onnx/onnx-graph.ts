// Reads what an ONNX model says of itself, without ONNX Runtime and without its weights: inputs, outputs, operations, metadata.
// Field numbers are those of onnx.proto3 (github.com/onnx/onnx).
import { RuthError } from '@ruth/protocol/base';
import { modelFields, notWhole } from './onnx-file.ts';
import { type Field, LENGTH_DELIMITED, ProtobufFile, varint } from './protobuf-file.ts';

const ELEMENT_TYPES: Readonly<Record<number, string>> = {
  1: 'float32', 2: 'uint8', 3: 'int8', 4: 'uint16', 5: 'int16', 6: 'int32', 7: 'int64', 8: 'string', 9: 'bool', 10: 'float16', 11: 'float64', 12: 'uint32', 13: 'uint64', 16: 'bfloat16',
};
const EXTERNAL = 1;

/** Beyond these a file is no model that anyone could run here. */
const MOST = { nodes: 300_000, ports: 50_000, initializers: 300_000, metadata: 256, rank: 32, metadataBytes: 256 * 1024 } as const;

export interface OnnxPort {
  readonly name: string;
  /** As ONNX Runtime names it (`float32`, `uint8`, `int64`, ...); `other` for what is no tensor of numbers. */
  readonly type: string;
  /** A size, the name of an open one, or null where it has none; null altogether where the model does not say. */
  readonly shape: readonly (number | string | null)[] | null;
}

export interface OnnxGraph {
  readonly path: string;
  readonly bytes: number;
  readonly irVersion: number;
  /** Of ONNX's own operations; 0 where it is not said. */
  readonly opset: number;
  /** Domains of other operations, which ONNX Runtime may not know. */
  readonly otherDomains: readonly string[];
  /** Program that wrote it, with its version, e.g. `pytorch 2.1.0`; may be empty. */
  readonly producer: string;
  readonly metadata: ReadonlyMap<string, string>;
  /** Without those that are weights. */
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  /** How often each operation stands in the graph, by its type. */
  readonly operations: ReadonlyMap<string, number>;
  /** Type of the operation that makes each output. */
  readonly madeBy: ReadonlyMap<string, string>;
  /** Numbers in the weights. */
  readonly parameters: number;
  /** Files beside the model in which weights lie; empty where it is all in one. */
  readonly externalData: readonly string[];
}

/** Throws `model_invalid` naming the file and what is wrong with it. Takes memory for names, not for weights. */
export function readOnnxGraph(path: string): OnnxGraph {
  using file = new ProtobufFile(path);
  const model = modelFields(file);
  try {
    return new GraphReader(file).read(model);
  } catch (cause) {
    throw notWhole(file, cause);
  }
}

class GraphReader {
  readonly #file: ProtobufFile;
  readonly #metadata = new Map<string, string>();
  readonly #opsets = new Map<string, number>();
  readonly #inputs: OnnxPort[] = [];
  readonly #outputs: OnnxPort[] = [];
  readonly #initializers = new Set<string>();
  readonly #operations = new Map<string, number>();
  readonly #makers = new Map<string, string>();
  readonly #externalData = new Set<string>();
  #parameters = 0;
  #nodes = 0;

  constructor(file: ProtobufFile) {
    this.#file = file;
  }

  read(model: readonly Field[]): OnnxGraph {
    let irVersion = 0;
    let [producer, producerVersion] = ['', ''];
    for (const field of model) {
      if (field.number === 1) irVersion = field.value;
      else if (field.number === 2) producer = this.#file.text(field, 200);
      else if (field.number === 3) producerVersion = this.#file.text(field, 200);
      else if (field.number === 7) this.#graph(field);
      else if (field.number === 8) this.#opset(field);
      else if (field.number === 14) this.#entry(field, this.#metadata);
    }
    const others = [...this.#opsets.keys()].filter((domain) => domain !== '' && domain !== 'ai.onnx');
    return {
      path: this.#file.path, bytes: this.#file.size, irVersion, opset: this.#opsets.get('') ?? this.#opsets.get('ai.onnx') ?? 0, otherDomains: others,
      producer: `${producer} ${producerVersion}`.trim(), metadata: this.#metadata,
      inputs: this.#inputs.filter(({ name }) => !this.#initializers.has(name)), outputs: this.#outputs, operations: this.#operations,
      madeBy: new Map(this.#outputs.flatMap(({ name }) => (this.#makers.has(name) ? [[name, this.#makers.get(name)!]] : []))),
      parameters: this.#parameters, externalData: [...this.#externalData],
    };
  }

  #graph(graph: Field): void {
    for (const field of this.#messages(graph)) {
      if (field.number === 1) this.#node(field);
      else if (field.number === 5) this.#initializer(field);
      else if (field.number === 15) this.#sparseInitializer(field);
      else if (field.number === 11) this.#add(this.#inputs, this.#port(field));
      else if (field.number === 12) this.#add(this.#outputs, this.#port(field));
    }
  }

  #node(node: Field): void {
    if (++this.#nodes > MOST.nodes) throw this.#tooMany('operations', MOST.nodes);
    let type = '';
    const outputs: string[] = [];
    for (const field of this.#messages(node)) {
      if (field.number === 2 && outputs.length < 256) outputs.push(this.#file.text(field));
      else if (field.number === 4) type = this.#file.text(field, 128);
    }
    this.#operations.set(type, (this.#operations.get(type) ?? 0) + 1);
    for (const output of outputs) this.#makers.set(output, type);
  }

  #initializer(tensor: Field): void {
    if (this.#initializers.size >= MOST.initializers) throw this.#tooMany('weights', MOST.initializers);
    let [count, location] = [1, 0];
    const external = new Map<string, string>();
    for (const field of this.#file.fields(tensor.start, tensor.end)) {
      if (field.number === 1) for (const size of this.#numbers(field)) count *= size;
      else if (field.number === 8 && field.wireType === LENGTH_DELIMITED) this.#initializers.add(this.#file.text(field));
      else if (field.number === 13 && field.wireType === LENGTH_DELIMITED) this.#entry(field, external);
      else if (field.number === 14) location = field.value;
    }
    if (Number.isSafeInteger(count)) this.#parameters += count;
    const where = external.get('location');
    if (location === EXTERNAL && where !== undefined && this.#externalData.size < 64) this.#externalData.add(where);
  }

  #sparseInitializer(sparse: Field): void {
    for (const field of this.#messages(sparse)) if (field.number === 1) this.#initializer(field);
  }

  /** ValueInfoProto: name 1, type 2 { tensor_type 1 { elem_type 1, shape 2 { dim 1 { dim_value 1, dim_param 2 } } } }. */
  #port(info: Field): OnnxPort {
    let [name, type] = ['', 'other'];
    let shape: (number | string | null)[] | null = null;
    for (const field of this.#messages(info)) {
      if (field.number === 1) name = this.#file.text(field);
      if (field.number !== 2) continue;
      for (const tensor of this.#messages(field)) {
        if (tensor.number !== 1) continue;
        for (const part of this.#file.fields(tensor.start, tensor.end)) {
          if (part.number === 1) type = ELEMENT_TYPES[part.value] ?? 'other';
          else if (part.number === 2 && part.wireType === LENGTH_DELIMITED) shape = [...this.#messages(part)].slice(0, MOST.rank).map((dim) => this.#dimension(dim));
        }
      }
    }
    return { name, type, shape };
  }

  #dimension(dim: Field): number | string | null {
    for (const field of this.#file.fields(dim.start, dim.end)) {
      if (field.number === 1 && field.wireType !== LENGTH_DELIMITED) return field.value > 0 && field.value < 2 ** 31 ? field.value : null;
      if (field.number === 2 && field.wireType === LENGTH_DELIMITED) return this.#file.text(field, 128);
    }
    return null;
  }

  #opset(opset: Field): void {
    let [domain, version] = ['', 0];
    for (const field of this.#file.fields(opset.start, opset.end)) {
      if (field.number === 1 && field.wireType === LENGTH_DELIMITED) domain = this.#file.text(field, 128);
      else if (field.number === 2) version = field.value;
    }
    if (this.#opsets.size < 64) this.#opsets.set(domain, version);
  }

  /** A StringStringEntryProto. */
  #entry(entry: Field, into: Map<string, string>): void {
    let [key, value] = ['', ''];
    for (const field of this.#messages(entry)) {
      if (field.number === 1) key = this.#file.text(field, 200);
      else if (field.number === 2) value = this.#file.text(field, MOST.metadataBytes);
    }
    if (into.size < MOST.metadata) into.set(key, value);
  }

  /** A repeated number, packed or one by one. */
  #numbers(field: Field): number[] {
    if (field.wireType !== LENGTH_DELIMITED) return [field.value];
    const bytes = this.#file.bytes(field, MOST.rank * 10);
    const numbers: number[] = [];
    for (let at = 0; at < bytes.length;) {
      const number = varint(bytes, at);
      if (number === null) break;
      numbers.push(number.value);
      at = number.end;
    }
    return numbers;
  }

  /** Only what is a message, a text or bytes; a known number with another wire type is not what it should be, and left out. */
  *#messages({ start, end }: Field): Generator<Field> {
    for (const field of this.#file.fields(start, end)) if (field.wireType === LENGTH_DELIMITED) yield field;
  }

  #add(ports: OnnxPort[], port: OnnxPort): void {
    if (ports.length >= MOST.ports) throw this.#tooMany('inputs or outputs', MOST.ports);
    ports.push(port);
  }

  #tooMany(what: string, most: number): RuthError {
    return new RuthError('model_invalid', `${this.#file.path} has more than ${most} ${what}`);
  }
}
