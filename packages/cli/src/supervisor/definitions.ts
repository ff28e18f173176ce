// The processes of one node, in the order of their start.
import type { Settings } from '@ruth/protocol';
import { settingsText } from '../settings/settings-text.ts';
import type { ProcessDefinition } from './process-definition.ts';

/** A package's `main.ts` (or another entry), found beside its public entry. */
export function entryOf(packageName: string, file = 'main.ts'): string {
  return new URL(file, import.meta.resolve(packageName)).pathname;
}

/** Nothing in a container's main thread takes long: seen within five seconds, whatever the phase of the questions. */
const CONTAINER_HANG_LIMIT_S = 4;

/** The container of one model, which can be replaced while it serves. */
export function containerProcess(id: string, folder: string, stdin: ProcessDefinition['stdin']): ProcessDefinition {
  return { name: `container ${id}`, entry: entryOf('@ruth/container'), args: [folder], stdin, required: false, replaceable: true, hangLimitS: CONTAINER_HANG_LIMIT_S };
}

/** Kernel, core, one container per model, server, what copies recordings away and what makes the node one of a site, where that is wanted. `stdin` is what each is told at each start. */
export function nodeProcesses(settings: Settings, stdin: ProcessDefinition['stdin'] = settingsText(settings)): ProcessDefinition[] {
  const process = (name: string, entry: string, args: string[] = [], required = true): ProcessDefinition => ({ name, entry, args, stdin, required });
  return [
    process('kernel', entryOf('@ruth/kernel')),
    ...settings.models.map((model) => containerProcess(model.id, model.folder, stdin)),
    process('core', entryOf('@ruth/core')),
    process('server', entryOf('@ruth/server')),
    ...(settings.copies === null ? [] : [process('copier', entryOf('@ruth/copier'), [], false)]),
    ...(settings.site === null ? [] : [process('fleet', entryOf('@ruth/fleet'), [], false), process('outbox', entryOf('@ruth/fleet', 'outbox-main.ts'), [], false)]),
  ];
}
