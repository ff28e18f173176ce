// The models of a settings file as the node that runs has them: switched on or off since, where the file does not say so or cannot be written.
import { BUILT_IN_DETECTOR, BUILT_IN_POSE, type ModelConfig } from '@ruth/protocol';
import { Document, isMap, isNode, parseDocument } from 'yaml';

export interface ModelSwitch { readonly id: string; readonly isOn: boolean }

/** The text of the file with these models switched so, and all else as it stands; nothing is written. */
export function withModelsSwitched(text: string, models: readonly ModelSwitch[]): string {
  const document: Document = text.trim() === '' ? new Document({}) : parseDocument(text);
  if (!isMap(document.contents)) document.contents = document.createNode({});
  const list = document.get('models');
  const named = (isNode(list) ? list.toJS(document) as ModelConfig[] | null : null) ?? [{ id: BUILT_IN_DETECTOR }, { id: BUILT_IN_POSE }];
  const switches = new Map(models.map(({ id, isOn }) => [id, isOn]));
  const switched = named.map((model) => (switches.has(model.id) ? { ...model, active: switches.get(model.id)! } : model));
  const added = models.filter(({ id, isOn }) => isOn && !named.some((model) => model.id === id)).map(({ id }) => ({ id }));
  document.set('models', [...switched, ...added]);
  return document.toString({ lineWidth: 0 });
}
