// Turns one camera. Forked by the kernel when somebody turns it, and ended when nobody does any more: what the device answers
// can harm this process alone.
import { RuthError } from '@ruth/protocol';
import { runProcess } from '@ruth/transport';
import type { FromPtz, ToPtz } from './messages.ts';
import { OnvifDevice } from './onvif-device.ts';

await runProcess('ptz', async ({ signal }) => {
  const tell = (message: FromPtz): void => { if (process.connected) process.send!(message, undefined, undefined, () => undefined); };
  let connecting: Promise<OnvifDevice> | null = null;
  process.on('message', (message: ToPtz) => {
    if (message.type === 'target') {
      connecting = OnvifDevice.connect(message.target);
      connecting.catch(() => undefined);
      return;
    }
    const { id } = message;
    const work = async (): Promise<void> => {
      if (connecting === null) throw new RuthError('invalid_state', 'no device was named');
      const device = await connecting;
      if (message.type === 'turn') await device.turn(message.request);
      tell({ type: 'done', id, status: message.type === 'presets' ? await device.presets() : null });
    };
    work().catch((cause: unknown) => {
      const error = RuthError.from(cause);
      tell({ type: 'failed', id, code: error.code, message: error.message });
    });
  });
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  const device = await (connecting as Promise<OnvifDevice> | null)?.catch(() => null);
  await device?.close();
});
