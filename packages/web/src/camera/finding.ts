// What one model at one camera has found just now, in two or three words.
import type { SubscriptionStatus } from '@ruth/protocol';
import { SERVER_UNREACHABLE, type Failure } from '../system/api.ts';
import type { Sight } from './camera-view.ts';

export interface Finding { readonly kind: 'seen' | 'nothing' | 'blind' | 'idle'; readonly words: string; readonly title?: string }

/** "Nothing seen" and "could not look" are different findings and never look alike. */
export function findingOf(subscription: SubscriptionStatus, down: string | null, sight: Sight, coreFailure: Failure | null, playing: boolean): Finding {
  const { identities_kept: kept } = subscription;
  if (coreFailure) return { kind: 'blind', words: coreFailure.code === SERVER_UNREACHABLE ? 'Not known' : 'AI is away', title: coreFailure.message };
  if (down !== null) return { kind: 'blind', words: 'Model down', title: down };
  if (subscription.state !== 'running') return { kind: 'idle', words: 'Paused' };
  if (!playing) return { kind: 'idle', words: 'No picture' };
  // A model that describes tracks sees nothing of its own.
  if (kept !== undefined) return { kind: kept > 0 ? 'seen' : 'idle', words: `${kept} known again`, title: 'It tells what people look like; so many kept their identity by that after they had been hidden' };
  if (sight === null) return { kind: 'idle', words: 'Looking\u2026' };
  if (sight.kind === 'failed') return { kind: 'blind', words: 'Could not look', title: sight.error };
  const { count, masked } = sight;
  const title = masked === 0 ? {} : { title: `Beside ${masked} that masks of the camera hide` };
  return count === 0 ? { kind: 'nothing', words: masked === 0 ? 'Nothing seen' : 'Nothing that counts', ...title } : { kind: 'seen', words: `${count} seen`, ...title };
}
